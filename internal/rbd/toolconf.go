// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Tool is what qemu-img and an appliance need to open images with the rights
// of this connection: a private configuration file, and who to be. The key
// stands in a file only, never on a command line.
type Tool struct {
	ConfFile string
	User     string
	// Env is for the child's environment. CEPH_ARGS is emptied, as what it
	// says is in the file, where it can't override what was configured.
	Env []string
}

// WriteToolConf writes the files into dir, which must be private (mode 0700)
// and is the caller's to remove. options go on top of everything else.
func (c *Cluster) WriteToolConf(ctx context.Context, dir string, options map[string]string) (Tool, error) {
	t := Tool{ConfFile: filepath.Join(dir, "ceph.conf"), User: c.cfg.User}
	t.Env = []string{"CEPH_CONF=" + t.ConfFile, "CEPH_ARGS="}
	settings := map[string]string{}
	key := c.cfg.Key
	err := c.do(ctx, func(cn *connection) (err error) {
		if settings, err = toolOptions(cn.conn); err == nil && key == "" {
			key, err = cn.conn.GetConfigOption("key") // --key of CEPH_ARGS
		}
		return err
	})
	if err != nil {
		return t, err
	}
	if key != "" {
		settings["keyring"] = filepath.Join(dir, "keyring")
		content := fmt.Sprintf("[client.%s]\n\tkey = %s\n", c.cfg.User, key)
		if err := os.WriteFile(settings["keyring"], []byte(content), 0o600); err != nil {
			return t, fmt.Errorf("write a private keyring: %w", err)
		}
	}
	for _, more := range []map[string]string{c.cfg.Options, options} {
		for k, v := range more {
			settings[k] = v
		}
	}
	var b strings.Builder
	if c.cfg.ConfFile != "" {
		own, err := os.ReadFile(c.cfg.ConfFile)
		if err != nil {
			return t, fmt.Errorf("%w: %w", ErrConfNotFound, err)
		}
		b.Write(own)
	}
	// The user's own section wins over [global] and [client], and of two equal
	// entries the later one.
	fmt.Fprintf(&b, "\n[client.%s]\n", c.cfg.User)
	for _, k := range sortedKeys(settings) {
		fmt.Fprintf(&b, "%s = %s\n", k, settings[k])
	}
	if err := os.WriteFile(t.ConfFile, []byte(b.String()), 0o600); err != nil {
		return t, fmt.Errorf("write a private ceph.conf: %w", err)
	}
	return t, nil
}
