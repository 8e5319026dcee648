// SPDX-License-Identifier: MPL-2.0

//go:build linux && cgo

// Package breaking ends the process as a library in C does, for the tests of
// laststack.
package breaking

/*
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void *end(void *how) {
	switch ((long)how) {
	case SIGABRT:
		abort();
	case SIGSEGV:
		// In a library: what faults in the program itself is Go's.
		puts(mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	}
	return NULL;
}

static void end_in_thread(long how) {
	pthread_t thread;
	pthread_create(&thread, NULL, end, (void *)how);
	pthread_join(thread, NULL);
}

static void end_here(long how) { end((void *)how); }
*/
import "C"

import "syscall"

// InThread raises SIGABRT or SIGSEGV in a thread of which Go knows nothing.
func InThread(how syscall.Signal) { C.end_in_thread(C.long(how)) }

// Here raises it in a call of C.
func Here(how syscall.Signal) { C.end_here(C.long(how)) }
