package conversion

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/images/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// A source in RBD that somebody opens or locks while it is read is not unchanged.
func TestImageThatIsTakenMeanwhile(t *testing.T) {
	acctest.RequireLab(t)
	name := fmt.Sprintf("unit-%s-%d", strings.ToLower(t.Name()), os.Getpid())
	t.Cleanup(func() { acctest.Purge(t, name) })
	spec := "vms/" + name
	imagestest.Make(t, spec, "create", "--size", "1M")
	d := &providerdata.Data{Ceph: rbd.NewCluster(rbd.Config{FSID: acctest.FSID(t)})}
	s, err := openSource(t.Context(), d, sourceModel{Image: types.StringValue(spec), Format: types.StringValue("raw")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.unchanged(); err != nil {
		t.Error(err)
	}
	end := acctest.Watch(t, spec)
	if err := s.unchanged(); !errors.Is(err, rbd.ErrInUse) {
		t.Errorf("watched: %v", err)
	}
	end()
	acctest.RBD(t, "lock", "add", spec, "backup")
	if err := s.unchanged(); !errors.Is(err, rbd.ErrInUse) {
		t.Errorf("locked: %v", err)
	}
	lines := strings.Split(acctest.RBD(t, "lock", "ls", spec), "\n")
	acctest.RBD(t, "lock", "rm", spec, "backup", strings.Fields(lines[len(lines)-1])[0])
	if err := s.close(); err != nil {
		t.Error(err)
	}
}
