// SPDX-License-Identifier: MPL-2.0

package acctest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Tokens runs the tests of a package with a clouds.yaml that has tokens in the
// place of passwords, as Keystone checks a password for a third of a second: for
// packages that run Terraform often, which configures the provider each time.
type Tokens struct{ M *testing.M }

// Run is that of testing.M.
func (r Tokens) Run() int {
	dir, err := os.MkdirTemp("", "clouds")
	if err == nil {
		defer os.RemoveAll(dir)
		err = withTokens(os.Getenv("OS_CLIENT_CONFIG_FILE"), filepath.Join(dir, "clouds.yaml"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "clouds.yaml with tokens:", err)
		return 1
	}
	return r.M.Run()
}

// withTokens writes the lab's clouds.yaml anew, and has it used from now on.
// Without a lab there is none.
func withTokens(from, to string) error {
	if from == "" {
		return nil
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var out strings.Builder
	now := map[string]string{} // what the cloud at hand has been said to have
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		now[name] = value
		switch name {
		case "username", "password", "user_domain_name":
			continue
		case "region_name": // is after the credentials
			got, err := issueToken(now["username"], now["password"], now["project_name"], now["auth_url"])
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, "      token: %q\n    auth_type: token\n", got)
		}
		out.WriteString(line)
	}
	if err := os.WriteFile(to, []byte(out.String()), 0o600); err != nil {
		return err
	}
	return os.Setenv("OS_CLIENT_CONFIG_FILE", to)
}
