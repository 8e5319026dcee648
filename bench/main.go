// SPDX-License-Identifier: MPL-2.0

// Command bench measures the provider against the plain commands that it stands
// for, alternately and in the same run. It is no test: nothing is too slow for
// it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
)

// benchmarks are all there are.
var benchmarks = slices.Concat([]benchmark{refresh, hashes, memory}, conversions, replications, guests)

// benchmark is something that can be done in several ways.
type benchmark struct {
	name, about string
	// prepare makes what the ways work on, and registers with session.later
	// what removes it.
	prepare func(context.Context, *session) (subject, error)
	// report, where there is one, does all of it instead: what it measures is
	// no time.
	report func(context.Context, *session, io.Writer) error
}

// subject is what the ways of a benchmark work on.
type subject struct {
	item  string // what the times are divided by, "image"
	items int
	// The first way is the plain command, which the others are compared with.
	ways []way
	// differences are rows of the table that are not measured by themselves.
	differences []difference
}

// way does the whole work once; an error ends the benchmark.
type way struct {
	name string
	run  func(context.Context) error
	// after, where there is one, clears up for the next round, unmeasured.
	after func(context.Context) error
}

// difference is what one way takes longer than another in the same round.
type difference struct{ name, of, without string }

type options struct {
	run     *regexp.Regexp
	rounds  int
	images  int
	list    bool
	cli     string
	bin     string
	profile string
}

func main() {
	log.SetFlags(log.Ltime)
	o := options{run: regexp.MustCompile("")}
	flag.Func("run", "only the benchmarks whose name matches this `regexp`", func(s string) (err error) {
		o.run, err = regexp.Compile(s)
		return err
	})
	flag.IntVar(&o.rounds, "rounds", 5, "how often each way is measured")
	flag.IntVar(&o.images, "images", 500, "how many images to refresh")
	flag.BoolVar(&o.list, "list", false, "only say which benchmarks there are")
	flag.StringVar(&o.cli, "cli", "", "`path` of terraform or tofu (default: that of the PATH)")
	flag.StringVar(&o.bin, "bin", "bin", "`folder` of the provider that the command line runs")
	flag.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of this process to `file`, with the label way")
	flag.Parse()
	if flag.NArg() > 0 || o.rounds < 1 || o.images < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second Ctrl-C does not wait for the tidying up
	if err := benchAll(ctx, o); err != nil {
		log.Fatal(err)
	}
}

func benchAll(ctx context.Context, o options) error {
	if o.list {
		for _, b := range benchmarks {
			fmt.Fprintf(os.Stdout, "%-12s %s\n", b.name, b.about)
		}
		return nil
	}
	chosen := slices.DeleteFunc(slices.Clone(benchmarks), func(b benchmark) bool { return !o.run.MatchString(b.name) })
	if len(chosen) == 0 {
		return fmt.Errorf("no benchmark matches %q; -list says which there are", o.run)
	}
	end, err := begin(o)
	if err != nil {
		return err
	}
	defer end()
	for _, b := range chosen {
		if err := bench(ctx, b, o, os.Stdout); err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
	}
	return nil
}

// begin sees to it that nothing but the lab is measured, and by one at a time.
func begin(o options) (end func(), err error) {
	lab := os.Getenv("RBD_LAB")
	if lab == "" {
		return nil, errors.New("the lab is needed: run `make lab-up` and `make bench`")
	}
	lock, err := os.OpenFile(filepath.Join(lab, "bench.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the lab is needed, run `make lab-up`: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another run is at work on this lab: %w", err), lock.Close())
	}
	// No settings of whoever runs this.
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "TF_") {
			_ = os.Unsetenv(name)
		}
	}
	if o.profile == "" {
		return func() { _ = lock.Close() }, nil
	}
	f, err := os.Create(o.profile)
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_, _ = f.Close(), lock.Close()
	}, nil
}

// session is one benchmark at work.
type session struct {
	options
	benchmark
	dir   string // for files, removed in the end
	tidy  []func(context.Context) error
	tools []string // versions of tools besides Ceph
}

// later registers what is done in the end, last first, also after an error or
// Ctrl-C.
func (s *session) later(do func(context.Context) error) { s.tidy = append(s.tidy, do) }

func (s *session) end(ctx context.Context) error {
	var err error
	for i := len(s.tidy) - 1; i >= 0; i-- {
		err = errors.Join(err, s.tidy[i](ctx))
	}
	return err
}

func bench(ctx context.Context, b benchmark, o options, out io.Writer) (err error) {
	s := &session{options: o, benchmark: b}
	defer func() {
		if ctx.Err() != nil {
			err = errors.New("interrupted") // whatever that has broken
		}
		err = errors.Join(err, s.end(context.WithoutCancel(ctx)))
	}()
	// A fixed name, so that a run that was killed leaves no more than one.
	s.dir = filepath.Join(os.Getenv("RBD_LAB"), "bench")
	s.later(func(context.Context) error { return os.RemoveAll(s.dir) })
	if err := errors.Join(os.RemoveAll(s.dir), os.Mkdir(s.dir, 0o700)); err != nil {
		return err
	}
	before := load()
	log.Printf("%s: preparing", b.name)
	if b.report != nil {
		return b.report(ctx, s, out)
	}
	sub, err := b.prepare(ctx, s)
	if err != nil {
		return err
	}
	took := make([][]time.Duration, len(sub.ways))
	for round := range o.rounds {
		for i, w := range sub.ways {
			t, err := measure(ctx, w)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			took[i] = append(took[i], t)
			log.Printf("%s: round %d of %d: %s: %.2f s", b.name, round+1, o.rounds, w.name, t.Seconds())
		}
	}
	return s.table(ctx, out, b, sub, took, before)
}

func measure(ctx context.Context, w way) (took time.Duration, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	pprof.Do(ctx, pprof.Labels("way", w.name), func(ctx context.Context) {
		start := time.Now()
		err = w.run(ctx)
		took = time.Since(start)
		if w.after != nil {
			err = errors.Join(err, w.after(context.WithoutCancel(ctx)))
		}
	})
	return took, err
}

// plain runs a plain command, which finds the cluster as this process does.
func plain(ctx context.Context, spec command.Spec) (command.Result, error) {
	for _, entry := range os.Environ() {
		if strings.HasPrefix(entry, "CEPH_") {
			spec.Env = append([]string{entry}, spec.Env...)
		}
	}
	return command.Run(ctx, spec)
}
