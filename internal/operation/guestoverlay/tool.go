// SPDX-License-Identifier: MPL-2.0

package guestoverlay

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
)

// stamp is the time that virt-customize and virt-sysprep put before a message.
var stamp = regexp.MustCompile(`^\[ *\d+\.\d+\] `)

// maxMessages bounds the messages of a tool that are kept. They have less than a
// hundred.
const maxMessages = 10_000

// RunTool runs virt-customize or virt-sysprep on the overlay, in its private
// folder. It returns the tool's first messages; all go to the log as they come.
func (o *Overlay) RunTool(ctx context.Context, t guestfs.Tool) ([]string, error) {
	var messages []string
	o.used = append(o.used, t.Name)
	t.Dir, t.Env = o.Dir, append(slices.Clone(o.Env), t.Env...)
	t.Args = append([]string{"--format", "qcow2", "-a", o.Path}, t.Args...)
	t.Line = func(l string) {
		l = strings.ToValidUTF8(stamp.ReplaceAllString(l, ""), "?")
		o.backends.Info(ctx, t.Name+": "+l)
		if len(messages) < maxMessages {
			messages = append(messages, l)
		}
	}
	err := o.backends.Guests.RunTool(ctx, t)
	return messages, err
}
