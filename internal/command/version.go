// SPDX-License-Identifier: MPL-2.0

package command

import (
	"context"
	"regexp"
	"sync"
	"time"
)

const (
	versionLimit = 10 * time.Second
	maxVersion   = 64
)

var (
	versions    sync.Map // by name, of this process
	versionText = regexp.MustCompile(`\b[0-9]+\.[0-9][0-9A-Za-z.+~-]*`)
)

// Version is what a tool says that its version is, as 7.2.22; empty where it says
// none. It is asked once.
func Version(ctx context.Context, name string, args ...string) string {
	if v, ok := versions.Load(name); ok {
		return v.(string)
	}
	ctx, cancel := context.WithTimeout(ctx, versionLimit)
	defer cancel()
	r, err := Run(ctx, Spec{Name: name, Args: args})
	if err != nil {
		return ""
	}
	v := versionText.Find(r.Stdout)
	if v == nil {
		v = versionText.Find(r.Stderr) // as e2fsck
	}
	text := string(v[:min(len(v), maxVersion)])
	versions.Store(name, text)
	return text
}
