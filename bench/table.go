// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// table writes what was measured, in Markdown; took is by way and round.
func (s *session) table(ctx context.Context, out io.Writer, b benchmark, sub subject, took [][]time.Duration, before string) error {
	info, err := rbd.NewCluster(rbd.Config{}).Info(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "## %s\n\n%s\n\n", b.name, b.about)
	fmt.Fprintf(out, "%d × %s, median of %d rounds; %d cores, %s; load average before: %s.\n\n",
		sub.items, sub.item, s.rounds, runtime.NumCPU(), strings.Join(append([]string{"Ceph " + info.Version}, s.tools...), ", "), before)
	fmt.Fprintf(out, "| way | seconds | fastest to slowest | ms per %s | against plain |\n|---|--:|--:|--:|--:|\n", sub.item)
	plain := median(took[0])
	row := func(name string, all []time.Duration) {
		m, least := median(all), slices.Min(all)
		ratio := "lost in the noise"
		if least > 0 { // a difference need not be
			ratio = fmt.Sprintf("%.1f×", plain.Seconds()/m.Seconds())
		}
		fmt.Fprintf(out, "| %s | %.2f | %.2f to %.2f | %.2f | %s |\n", name, m.Seconds(), least.Seconds(), slices.Max(all).Seconds(),
			m.Seconds()*1000/float64(sub.items), ratio)
	}
	for i, w := range sub.ways {
		row(w.name, took[i])
	}
	for _, d := range sub.differences {
		of, without := took[sub.way(d.of)], took[sub.way(d.without)]
		all := make([]time.Duration, len(of))
		for i := range of {
			all[i] = of[i] - without[i]
		}
		row(d.name, all)
	}
	_, err = fmt.Fprintln(out)
	return err
}

func (sub subject) way(name string) int {
	return slices.IndexFunc(sub.ways, func(w way) bool { return w.name == name })
}

func median(all []time.Duration) time.Duration {
	all = slices.Sorted(slices.Values(all))
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2
}

// load is the load average of the last minute. It says whether others were at
// work on the machine.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(b), " ")
	return one
}
