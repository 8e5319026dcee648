// SPDX-License-Identifier: MPL-2.0

//go:build linux && cgo

package laststack

/*
#define _GNU_SOURCE
#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

static struct sigaction of_go[NSIG];

static void say(const char *text) {
	ssize_t written = write(2, text, strlen(text));
	(void)written;
}

static void restore(int sig) {
	struct sigaction plain;
	memset(&plain, 0, sizeof plain);
	plain.sa_handler = SIG_DFL;
	sigaction(sig, &plain, NULL);
}

static void print_stack(int sig) {
	void *frames[64];
	// Unwinding may wait for a lock that the thread itself has: not for ever.
	restore(SIGALRM);
	alarm(5);
	say("fatal error: librados or librbd ended this process by ");
	say("SIG");
	say(sigabbrev_np(sig));
	say("; the stack of its thread:\n");
	backtrace_symbols_fd(frames, backtrace(frames, 64), 2);
	say("\n");
	alarm(0);
}

// in_go tells whether a fault is one of the program itself, not of a library: of
// most Go makes a panic.
static int in_go(void *context) {
#if defined(__x86_64__)
	void *at = (void *)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	void *at = (void *)((ucontext_t *)context)->uc_mcontext.pc;
#else
	void *at = NULL;
#endif
	Dl_info there, here;
	return !dladdr(at, &there) || (dladdr(&of_go, &here) && there.dli_fbase == here.dli_fbase);
}

static void handle(int sig, siginfo_t *info, void *context) {
	// What another process has sent is none of theirs.
	if (sig == SIGABRT ? info->si_pid == getpid() : info->si_code > 0 && !in_go(context)) {
		print_stack(sig);
	}
	// In a thread that Go knows it goes on there, with the goroutines. An abort in
	// another one comes back here, as Go raises it once more.
	struct sigaction *go = &of_go[sig];
	if (!(go->sa_flags & SA_SIGINFO) || go->sa_sigaction == NULL) {
		restore(sig);
		raise(sig);
		return;
	}
	go->sa_sigaction(sig, info, context);
}

static void handle_first(void) {
	static const int signals[] = {SIGABRT, SIGBUS, SIGSEGV};
	struct sigaction ours;
	void *frame[1];
	backtrace(frame, 1); // it loads a library the first time
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
		sigaction(signals[i], NULL, &of_go[signals[i]]);
		ours = of_go[signals[i]];
		ours.sa_sigaction = handle;
		ours.sa_flags |= SA_SIGINFO | SA_ONSTACK;
		sigaction(signals[i], &ours, NULL);
	}
}
*/
import "C"

func init() { C.handle_first() }
