// SPDX-License-Identifier: MPL-2.0

package conversion_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/conversion"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// slow are options that write no more than 8 MiB/s, so that something can happen
// meanwhile.
var slow = rbd.Config{Options: map[string]string{"rbd_qos_bps_limit": "8388608"}}

// awaitData waits until an image has data.
func awaitData(t *testing.T, spec string) error {
	t.Helper()
	for begin := time.Now(); ; {
		out, err := acctest.TryRBD(t, "diff", "--whole-object", spec)
		if err == nil && strings.Contains(out, "data") {
			return nil
		}
		if time.Since(begin) > time.Minute {
			return fmt.Errorf("%s got no data: %s", spec, out)
		}
	}
}

// freezeOSD stops the OSD as soon as the image has data, for this long. What it
// returns waits for the end of that.
func freezeOSD(t *testing.T, spec string, long time.Duration) (wait func()) {
	t.Helper()
	pid, over := acctest.OSD(t), make(chan error, 1)
	go func() {
		over <- func() error {
			if err := awaitData(t, spec); err != nil {
				return err
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

// An OSD that is away for a while only holds a conversion up.
func TestDoWithFrozenOSD(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	raw := disktest.Noise(t, 40<<20)
	for what, source := range writers(t, raw) {
		t.Run(what, func(t *testing.T) {
			target := name + "-" + what
			wait := freezeOSD(t, "vms/"+target+".tfpending", 5*time.Second)
			_, err := conversion.Do(rbd.Patiently(t.Context()), cluster(t, slow), request(target, source))
			wait()
			if err != nil {
				t.Fatal(err)
			}
			same(t, raw, "raw", target)
		})
	}
}

// A time limit that ends while the OSD is away is an error, and not a hang; what
// was begun is removed as soon as it is back.
func TestDoTimeLimitWithFrozenOSD(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	raw := disktest.Noise(t, 40<<20)
	for what, source := range writers(t, raw) {
		t.Run(what, func(t *testing.T) {
			target := name + "-" + what
			wait := freezeOSD(t, "vms/"+target+".tfpending", 8*time.Second)
			ctx, cancel := context.WithTimeout(rbd.Patiently(t.Context()), 6*time.Second)
			defer cancel()
			_, err := conversion.Do(ctx, cluster(t, slow), request(target, source))
			matches(t, err, `time limit|in time|deadline`)
			wait()
			nothing(t, target)
			converted(t, request(target, source))
			same(t, raw, "raw", target)
		})
	}
}

// quotaPool makes a pool with a quota, and a user who may use it.
func quotaPool(t *testing.T, maxBytes int) (pool string, who rbd.Config) {
	t.Helper()
	pool = fmt.Sprintf("%s-%d", strings.ReplaceAll(strings.ToLower(t.Name()), "/", "-"), os.Getpid())
	acctest.Admin(t, "ceph", "osd", "pool", "create", pool)
	t.Cleanup(func() { acctest.Admin(t, "ceph", "osd", "pool", "rm", pool, pool, "--yes-i-really-really-mean-it") })
	acctest.Admin(t, "rbd", "pool", "init", pool)
	setQuota(t, pool, maxBytes)
	who = slow
	who.User, who.Key = imagestest.User(t, "profile rbd pool="+pool)
	return pool, who
}

func setQuota(t *testing.T, pool string, maxBytes int) {
	t.Helper()
	acctest.Admin(t, "ceph", "osd", "pool", "set-quota", pool, "max_bytes", fmt.Sprint(maxBytes))
}

// waitFull waits until the monitors say that the pool is full, or that it is not.
func waitFull(t *testing.T, pool string, want bool) {
	t.Helper()
	acctest.Await(t, fmt.Sprintf("pool %s full: %v", pool, want), func() bool {
		var pools []struct {
			Name  string `json:"pool_name"`
			Flags string `json:"flags_names"`
		}
		if err := json.Unmarshal([]byte(acctest.Admin(t, "ceph", "osd", "pool", "ls", "detail", "-f", "json")), &pools); err != nil {
			t.Fatal(err)
		}
		for _, p := range pools {
			if p.Name == pool && strings.Contains(p.Flags, "full_quota") == want {
				return true
			}
		}
		return false
	})
}

// A pool that becomes full meanwhile, or is full before, is an error that names
// it; nothing is left in it.
func TestDoIntoFullPool(t *testing.T) {
	t.Parallel()
	const quota = 8 << 20
	raw, filler := disktest.Noise(t, 96<<20), disktest.Noise(t, 16<<20)
	for what, source := range writers(t, raw) {
		t.Run(what, func(t *testing.T) {
			pool, who := quotaPool(t, quota)
			d := cluster(t, who)
			full := fmt.Sprintf(`ool "%s" is full: its quota is %d bytes`, pool, quota)
			of := func(name string) conversion.Request { return request(name, source, into(pool)) }
			none := func() {
				if left := acctest.Admin(t, "rbd", "ls", pool); left != "" {
					t.Errorf("left in the pool: %s", left)
				}
			}
			ctx := rbd.Patiently(t.Context())
			// The monitors find out within ten seconds; all of it takes more than that.
			acctest.Admin(t, "rbd", "config", "pool", "set", pool, "rbd_qos_write_bps_limit", fmt.Sprint(6<<20))
			_, err := convert(ctx, d, of("late"))
			matches(t, err, full)
			none()
			acctest.Admin(t, "rbd", "config", "pool", "remove", pool, "rbd_qos_write_bps_limit")
			setQuota(t, pool, 0)
			waitFull(t, pool, false)
			acctest.Admin(t, "rbd", "import", "--no-progress", filler, pool+"/filler")
			setQuota(t, pool, quota)
			waitFull(t, pool, true)
			_, err = convert(ctx, d, of("early"))
			matches(t, err, full)
			setQuota(t, pool, 0)
			waitFull(t, pool, false)
			acctest.Admin(t, "rbd", "rm", "--no-progress", pool+"/filler")
			none()
			if _, err := convert(ctx, d, of("late")); err != nil {
				t.Error(err)
			}
		})
	}
}
