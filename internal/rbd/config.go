// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/progress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// DefaultConnectTimeout bounds the way to the first answer of a monitor.
const DefaultConnectTimeout = 15 * time.Second

// LibraryVersion is that of librbd, "1.16.0" as librbd numbers itself; empty where
// this was built without it.
func LibraryVersion() string { return librbd.Version() }

// Config says which cluster to connect to, and as whom. What is empty comes
// from CEPH_CONF, CEPH_ARGS and the configuration file, as for the rbd command.
type Config struct {
	ConfFile    string
	User        string // without "client."
	KeyringFile string
	Key         string // secret
	Monitors    []string
	Options     map[string]string
	// FSID is the cluster that is meant; any other is refused.
	FSID           string
	ConnectTimeout time.Duration

	// cluster is the name of the cluster: $cluster in paths of ceph.conf.
	cluster string
	// Logf receives what an operator should know of a wait; nil discards it.
	Logf func(ctx context.Context, format string, args ...any)
	// Log receives how far a task of the manager is; nil discards it.
	Log progress.Logger
	// Version is that of this provider, for what is noted of steps; empty leaves it out.
	Version string
	// Run is on whose behalf things are made.
	Run Run
	// Running tells whether a run is known to be still at work; nil knows of none.
	Running func(id string) bool

	// silence is silenceLimit; shorter in tests.
	silence time.Duration
}

// resolved is a Config with every default in its place.
func (c Config) resolved() Config {
	env := parseCephArgs(os.Getenv("CEPH_ARGS"))
	if c.User == "" {
		c.User = env.user
	}
	c.User = strings.TrimPrefix(c.User, "client.")
	if c.User == "" {
		c.User = "admin"
	}
	c.cluster = cmp.Or(env.cluster, defaultCluster)
	if c.ConfFile == "" && len(c.Monitors) == 0 {
		c.ConfFile = confFile(cmp.Or(env.conf, os.Getenv("CEPH_CONF")), c.cluster)
	}
	if c.ConnectTimeout <= 0 {
		c.ConnectTimeout = DefaultConnectTimeout
	}
	if c.silence <= 0 {
		c.silence = silenceLimit
	}
	return c
}

// checkFiles names a file that is missing before librados answers with a bare
// ENOENT.
func (c Config) checkFiles() error {
	for _, f := range []struct {
		path    string
		missing error
	}{{c.ConfFile, ErrConfNotFound}, {c.KeyringFile, ErrKeyringNotFound}} {
		if f.path == "" {
			continue
		}
		file, err := os.Open(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %s", f.missing, f.path)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", f.missing, err)
		}
		_ = file.Close()
	}
	return nil
}

// key tells configurations apart without keeping the secret readable.
func (c Config) key() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %q %q %q", c.cluster, c.ConfFile, c.User, c.KeyringFile, c.Key, c.Monitors, c.ConnectTimeout)
	for _, k := range sortedKeys(c.Options) {
		fmt.Fprintf(h, " %q=%q", k, c.Options[k])
	}
	return hex.EncodeToString(h.Sum(nil))
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
