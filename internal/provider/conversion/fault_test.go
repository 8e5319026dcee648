package conversion_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/images/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// slowly is a provider that writes no more than 8 MiB/s, so that something can
// happen meanwhile. who are lines for its ceph block.
func slowly(who string) string {
	return fmt.Sprintf("provider \"rbd\" {\n  ceph {\n    %s\n    options = { rbd_qos_bps_limit = \"8388608\" }\n  }\n}\n", who)
}

// noise makes a file that nothing can be left out of.
func noise(t *testing.T, size int) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "noise.raw")
	b := make([]byte, size)
	var seed [32]byte
	_, _ = rand.NewChaCha8(seed).Read(b) // it never fails
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// osd is the process of the lab's OSD.
func osd(t *testing.T) int {
	t.Helper()
	acctest.RequireLab(t)
	b, err := os.ReadFile(filepath.Join(os.Getenv("RBD_LAB"), "run", "ceph-osd.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// freezeOSD stops the OSD as soon as the image has data, for this long. What it
// returns waits for the end of that.
func freezeOSD(t *testing.T, spec string, long time.Duration) (wait func()) {
	t.Helper()
	pid, over := osd(t), make(chan error, 1)
	go func() {
		over <- func() error {
			for begin := time.Now(); ; {
				out, err := acctest.TryRBD(t, "diff", "--whole-object", spec)
				if err == nil && strings.Contains(out, "data") {
					break
				}
				if time.Since(begin) > time.Minute {
					return fmt.Errorf("%s got no data: %s", spec, out)
				}
			}
			defer func() { _ = syscall.Kill(pid, syscall.SIGCONT) }()
			if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
				return err
			}
			<-time.After(long)
			return nil
		}()
	}()
	return func() {
		if err := <-over; err != nil {
			t.Error(err)
		}
	}
}

// sources are the ways that data comes into RBD: by qemu-img, and by our own
// writer.
func sources(t *testing.T, raw string) map[string]string {
	t.Helper()
	s := newSite(t, map[string][]byte{"noise.raw": content(t, raw)})
	return map[string]string{"qemu-img": file(raw), "stream": url(s, "noise.raw")}
}

// An OSD that is away for a while only holds a conversion up.
func TestConversionWithFrozenOSD(t *testing.T) {
	name := providertest.Name(t)
	raw := noise(t, 40<<20)
	for what, source := range sources(t, raw) {
		t.Run(what, func(t *testing.T) {
			target := name + "-" + what
			var wait func()
			providertest.Run(t, resource.TestCase{
				CheckDestroy: gone(t, name),
				Steps: []resource.TestStep{{
					PreConfig: func() { wait = freezeOSD(t, "vms/"+target+".tfpending", 5*time.Second) },
					Config:    slowly(`pool = "vms"`) + config(target, source, "raw"),
					Check: func(s *terraform.State) error {
						wait()
						return sameContent(t, raw, "raw", "vms/"+target)(s)
					},
				}},
			})
		})
	}
}

// A time-out that ends while the OSD is away is an error, and not a hang; what
// was begun is removed as soon as it is back.
func TestConversionTimeoutWithFrozenOSD(t *testing.T) {
	name := providertest.Name(t)
	raw := noise(t, 40<<20)
	for what, source := range sources(t, raw) {
		t.Run(what, func(t *testing.T) {
			target := name + "-" + what
			var wait func()
			providertest.Run(t, resource.TestCase{
				CheckDestroy: gone(t, name),
				Steps: []resource.TestStep{
					{
						PreConfig:   func() { wait = freezeOSD(t, "vms/"+target+".tfpending", 15*time.Second) },
						Config:      slowly(`pool = "vms"`) + config(target, source, "raw", "timeouts {\n    create = \"6s\"\n  }"),
						ExpectError: regexp.MustCompile(`(?s)Unable to create RBD image.*(time\s+limit|in\s+time|deadline)`),
					},
					{
						PreConfig: func() {
							wait()
							if left := acctest.Images(t, "vms", target); len(left) > 0 {
								t.Errorf("left: %v", left)
							}
						},
						Config: config(target, source, "raw"),
						Check:  sameContent(t, raw, "raw", "vms/"+target),
					},
				},
			})
		})
	}
}

// quotaPool makes a pool with a quota, and a user who may use it.
func quotaPool(t *testing.T, maxBytes int) (pool, who string) {
	t.Helper()
	pool = fmt.Sprintf("%s-%d", strings.ReplaceAll(strings.ToLower(t.Name()), "/", "-"), os.Getpid())
	acctest.Admin(t, "ceph", "osd", "pool", "create", pool)
	t.Cleanup(func() { acctest.Admin(t, "ceph", "osd", "pool", "rm", pool, pool, "--yes-i-really-really-mean-it") })
	acctest.Admin(t, "rbd", "pool", "init", pool)
	setQuota(t, pool, maxBytes)
	user, key := imagestest.User(t, "profile rbd pool="+pool)
	return pool, fmt.Sprintf("user = %q\n    key  = %q\n    pool = %q", user, key, pool)
}

func setQuota(t *testing.T, pool string, maxBytes int) {
	t.Helper()
	acctest.Admin(t, "ceph", "osd", "pool", "set-quota", pool, "max_bytes", fmt.Sprint(maxBytes))
}

// waitFull waits until the monitors say that the pool is full, or that it is not.
func waitFull(t *testing.T, pool string, want bool) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < time.Minute; {
		var pools []struct {
			Name  string `json:"pool_name"`
			Flags string `json:"flags_names"`
		}
		if err := json.Unmarshal([]byte(acctest.Admin(t, "ceph", "osd", "pool", "ls", "detail", "-f", "json")), &pools); err != nil {
			t.Fatal(err)
		}
		for _, p := range pools {
			if p.Name == pool && strings.Contains(p.Flags, "full_quota") == want {
				return
			}
		}
	}
	t.Fatal(errors.New("the pool's flag does not change"))
}

// A pool that becomes full meanwhile, or is full before, is an error that names
// it; nothing is left in it.
func TestConversionIntoFullPool(t *testing.T) {
	const quota = 8 << 20
	raw, filler := noise(t, 96<<20), noise(t, 16<<20)
	empty := func(t *testing.T, pool string) {
		t.Helper()
		if left := acctest.Admin(t, "rbd", "ls", pool); left != "" {
			t.Errorf("left in the pool: %s", left)
		}
	}
	for what, source := range sources(t, raw) {
		t.Run(what, func(t *testing.T) {
			pool, who := quotaPool(t, quota)
			full := regexp.MustCompile(fmt.Sprintf(`(?s)Unable to create RBD image.*ool\s+"%s"\s+is\s+full:\s+its\s+quota\s+is\s+%d\s+bytes.*set-quota`, pool, quota))
			providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
				{
					Config:      slowly(who) + config("late", source, "raw"),
					ExpectError: full,
				},
				{
					PreConfig: func() {
						empty(t, pool)
						setQuota(t, pool, 0)
						waitFull(t, pool, false)
						acctest.Admin(t, "rbd", "import", "--no-progress", filler, pool+"/filler")
						setQuota(t, pool, quota)
						waitFull(t, pool, true)
					},
					Config:      slowly(who) + config("early", source, "raw"),
					ExpectError: full,
				},
				{
					PreConfig: func() {
						setQuota(t, pool, 0)
						waitFull(t, pool, false)
						acctest.Admin(t, "rbd", "rm", "--no-progress", pool+"/filler")
						empty(t, pool)
					},
					Config: slowly(who) + config("late", source, "raw"),
				},
			}})
		})
	}
}
