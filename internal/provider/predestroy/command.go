// SPDX-License-Identifier: MPL-2.0

package predestroy

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Destroys tells whether Terraform, this process's parent, was started to
// destroy all. The plugin protocol has no word for it.
func Destroys() bool {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(os.Getppid()), "cmdline"))
	if err != nil {
		return false
	}
	var args []string
	for arg := range bytes.SplitSeq(bytes.TrimSuffix(raw, []byte{0}), []byte{0}) {
		args = append(args, string(arg))
	}
	return toDestroy(args, os.Getenv)
}

// toDestroy reads a command line of Terraform as it does itself: options for all
// commands, the command, what TF_CLI_ARGS and TF_CLI_ARGS_command add, the rest.
func toDestroy(args []string, getenv func(string) string) bool {
	rest := args[min(1, len(args)):]
	for len(rest) > 0 && strings.HasPrefix(rest[0], "-") {
		rest = rest[1:]
	}
	if len(rest) == 0 {
		return false
	}
	command := rest[0]
	switch command {
	case "destroy":
		return true
	case "plan", "apply":
	default:
		return false
	}
	options := append(strings.Fields(getenv("TF_CLI_ARGS")), strings.Fields(getenv("TF_CLI_ARGS_"+command))...)
	destroy := false
	for _, option := range append(options, rest[1:]...) {
		name, value, given := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(option, "-"), "-"), "=")
		if name != "destroy" || !strings.HasPrefix(option, "-") {
			continue
		}
		yes, err := strconv.ParseBool(value)
		destroy = !given || err == nil && yes
	}
	return destroy
}
