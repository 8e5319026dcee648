package change

import (
	"context"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
)

func init() {
	report.Advise(guestfs.ErrTool, "The image was not changed. The provider's log (TF_LOG=INFO) tells how far it came.")
}

// stamp is the time that virt-customize and virt-sysprep put before a message.
var stamp = regexp.MustCompile(`^\[ *\d+\.\d+\] `)

// RunTool runs virt-customize or virt-sysprep on the overlay, in its private
// folder. It returns the tool's messages, which go to the log as they come.
func (o *Overlay) RunTool(ctx context.Context, m *guestfs.Manager, name, mark string, args ...string) ([]string, error) {
	var messages []string
	err := m.RunTool(ctx, guestfs.Tool{
		Name: name, Env: o.Env, Mark: mark, Dir: o.Dir,
		Args: append([]string{"--format", "qcow2", "-a", o.Path}, args...),
		Line: func(l string) {
			l = strings.ToValidUTF8(stamp.ReplaceAllString(l, ""), "?")
			tflog.Info(ctx, name+": "+l)
			messages = append(messages, l)
		},
	})
	return messages, err
}

// Known tells whether values are known as a whole.
func Known(ctx context.Context, values ...attr.Value) bool {
	for _, v := range values {
		if tv, err := v.ToTerraformValue(ctx); err != nil || !tv.IsFullyKnown() {
			return false
		}
	}
	return true
}
