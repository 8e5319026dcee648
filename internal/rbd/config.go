package rbd

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sort"
	"strings"
	"time"
)

// DefaultConnectTimeout bounds the way to the first answer of a monitor.
const DefaultConnectTimeout = 15 * time.Second

// defaultConfFile is where Ceph's own tools look.
const defaultConfFile = "/etc/ceph/ceph.conf"

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
	if c.ConfFile == "" && len(c.Monitors) == 0 {
		for _, f := range []string{env.conf, os.Getenv("CEPH_CONF"), defaultConfFile} {
			if f != "" {
				c.ConfFile = f
				break
			}
		}
	}
	if c.ConnectTimeout <= 0 {
		c.ConnectTimeout = DefaultConnectTimeout
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
	fmt.Fprintf(h, "%q %q %q %q %q %q", c.ConfFile, c.User, c.KeyringFile, c.Key, c.Monitors, c.ConnectTimeout)
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

type cephArgs struct{ user, conf string }

// parseCephArgs finds the options of CEPH_ARGS that librados leaves to the
// program: the user and the configuration file. It reads the rest by itself.
func parseCephArgs(s string) cephArgs {
	var out cephArgs
	args := strings.Fields(s)
	for i := 0; i < len(args); i++ {
		name, value, joined := strings.Cut(args[i], "=")
		var dst *string
		switch name {
		case "--id", "--user", "--name", "-n":
			dst = &out.user
		case "--conf", "-c":
			dst = &out.conf
		default:
			continue
		}
		if !joined && i+1 < len(args) {
			i++
			value = args[i]
		}
		*dst = value
	}
	return out
}
