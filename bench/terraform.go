// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
)

// module is a root module on disk, with the command line that works on it and
// the provider that was built.
type module struct {
	cli, dir string
	env      []string
}

// newModule has the provider as a development override, so that nothing is
// installed.
func (s *session) newModule(ctx context.Context, config string) (*module, error) {
	m := &module{dir: s.dir}
	names := []string{"terraform", "tofu"}
	if s.cli != "" {
		names = []string{s.cli}
	}
	for _, name := range names {
		if m.cli == "" {
			m.cli, _ = exec.LookPath(name)
		}
	}
	if m.cli == "" {
		return nil, fmt.Errorf("no command line: looked for %s; `make bench` sees to that", strings.Join(names, ", "))
	}
	var err1, err2 error
	m.cli, err1 = filepath.Abs(m.cli)
	bin, err2 := filepath.Abs(s.bin)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(bin, "terraform-provider-rbd")); err != nil {
		return nil, fmt.Errorf("the provider is not built, `make bench` does that: %w", err)
	}
	rc := filepath.Join(m.dir, "cli.tfrc")
	m.env = []string{"TF_CLI_CONFIG_FILE=" + rc, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_INPUT=0"}
	err1 = m.configure(config)
	err2 = os.WriteFile(rc, fmt.Appendf(nil, "provider_installation {\n  dev_overrides {\n    \"terraform-provider-rbd/rbd\" = %q\n  }\n}\n", bin), 0o600)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	version, err := m.do(ctx, "version")
	first, _, _ := strings.Cut(version, "\n")
	s.tools = append(s.tools, first)
	return m, err
}

// configure writes the configuration; what it requires is put before it.
func (m *module) configure(config string) error {
	return os.WriteFile(filepath.Join(m.dir, "main.tf"),
		[]byte("terraform {\n  required_providers {\n    rbd = {\n      source = \"terraform-provider-rbd/rbd\"\n    }\n  }\n}\n"+config), 0o600)
}

// do runs one command of the command line.
func (m *module) do(ctx context.Context, args ...string) (string, error) {
	res, err := plain(ctx, command.Spec{Name: m.cli, Args: append([]string{"-chdir=" + m.dir}, args...), Env: m.env, Grace: time.Minute})
	return string(res.Stdout), err
}
