package glancelocation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/progress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// When the data is read and hashed.
const (
	hashOff   = "off"
	hashOnce  = "once"
	hashEager = "eager"
)

var (
	errNoHash = errors.New("the image has no hash in Glance, and can't be given one any more")
	errHash   = errors.New("the data is not what Glance says of it")
)

// checksumAlgorithm is that of the attribute checksum.
const checksumAlgorithm = "md5"

// hashes are what Glance keeps of an image's data, and what is noted on the RBD
// image about it: Glance checks nothing of it.
type hashes struct {
	Algo     string `json:"os_hash_algo"`
	Value    string `json:"os_hash_value"`
	Checksum string `json:"checksum,omitempty"`
}

func hashesOf(rec *glance.Image) hashes {
	return hashes{rec.HashAlgo, rec.HashValue, rec.Checksum}
}

func (h hashes) String() string {
	return fmt.Sprintf("%s %s, %s %s", h.Algo, h.Value, checksumAlgorithm, h.Checksum)
}

// match compares what both have; the hash itself must be in both.
func (h hashes) match(other hashes) bool {
	return h.Value != "" && h.Algo == other.Algo && strings.EqualFold(h.Value, other.Value) &&
		(h.Checksum == "" || other.Checksum == "" || strings.EqualFold(h.Checksum, other.Checksum))
}

func (h *hashes) validation() *glance.ValidationData {
	if h == nil {
		return nil
	}
	return &glance.ValidationData{HashAlgo: h.Algo, HashValue: h.Value, Checksum: h.Checksum}
}

func (m model) defaultTimeout() time.Duration {
	if m.wantsHash() || !m.VerifyHash.IsNull() {
		return hashTimeout
	}
	return defaultTimeout
}

// wantsHash is false too for what was imported and not yet applied.
func (m model) wantsHash() bool {
	return m.Hash.ValueString() == hashOnce || m.Hash.ValueString() == hashEager
}

func (m *model) setHashes(h hashes) {
	text := func(s string) types.String {
		if s == "" {
			return types.StringNull()
		}
		return types.StringValue(s)
	}
	m.HashAlgo, m.HashValue, m.Checksum = text(h.Algo), text(h.Value), text(h.Checksum)
}

func (m model) hashes() hashes {
	return hashes{m.HashAlgo.ValueString(), m.HashValue.ValueString(), m.Checksum.ValueString()}
}

// hash reads the snapshot's data, once for both hashes.
func (r *locationResource) hash(ctx context.Context, spec rbd.Spec, algo string) (hashed, error) {
	log := progress.Start(ctx, "hashing", spec.String())
	defer log.Stop()
	got, err := r.data.Ceph.HashContent(ctx, spec, []string{algo, checksumAlgorithm}, log.Set)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w; the timeouts block allows no more", err)
	}
	return hashed{hashes{algo, got.Sums[algo], got.Sums[checksumAlgorithm]}, got}, err
}

// hashed is the result of hashing a snapshot before it is registered.
type hashed struct {
	hashes hashes
	got    rbd.Hashes
}

// of makes sure that the snapshot is still the one that was hashed.
func (h hashed) of(p place) error {
	switch {
	case h.got.ImageID != p.rbdImageID:
		return fmt.Errorf("%w: %s has id %s, expected %s", rbd.ErrOtherImage, p.snapshot.ImageSpec(), h.got.ImageID, p.rbdImageID)
	case h.got.SnapshotID != p.snapshotID:
		return fmt.Errorf("%w: %s has id %d, expected %d", rbd.ErrOtherSnapshot, p.snapshot, h.got.SnapshotID, p.snapshotID)
	}
	return nil
}

// hashNew hashes what is to be registered, without holding the lock: that may
// take long.
func (r *locationResource) hashNew(ctx context.Context, spec rbd.Spec, algo string) (hashed, error) {
	unlock, err := r.data.Ceph.LockImage(ctx, spec)
	if err != nil {
		return hashed{}, err
	}
	_, _, err = r.current(ctx, spec)
	unlock()
	if err != nil {
		return hashed{}, err
	}
	return r.hash(ctx, spec, algo)
}

// hashPlace makes sure that what is hashed is what was registered.
func (r *locationResource) hashPlace(ctx context.Context, p place, algo string) (hashes, error) {
	h, err := r.hash(ctx, p.snapshot, algo)
	if err == nil {
		err = h.of(p)
	}
	return h.hashes, err
}

// readHashes says whether the record's hashes are those of the data: by what
// was noted when the data was hashed last, or, eagerly, by hashing it again.
func (r *locationResource) readHashes(ctx context.Context, m *model, p place, img rbd.Image, rec *glance.Image) error {
	has := hashesOf(rec)
	m.HashMatches = types.BoolNull()
	noted := entries(img)[p.record].Hashes
	if noted != nil {
		m.HashMatches = types.BoolValue(noted.match(has))
	}
	if m.Hash.ValueString() != hashEager || has.Value == "" {
		return nil
	}
	if _, _, err := r.registered(ctx, p); err != nil {
		return tolerateLost(err)
	}
	data, err := r.hashPlace(ctx, p, has.Algo)
	if err != nil {
		return err
	}
	m.HashMatches = types.BoolValue(data.match(has))
	return nil
}

// tolerateLost is for reading: the plan says what became of the snapshot.
func tolerateLost(err error) error {
	if rbd.IsNotFound(err) || errors.Is(err, rbd.ErrOtherImage) || errors.Is(err, rbd.ErrOtherSnapshot) {
		return nil
	}
	return err
}

// verify hashes the data where an update asks for it, and compares. It returns
// what is to be noted, nil where nothing was hashed.
func (r *locationResource) verify(ctx context.Context, state, plan model, p place) (*hashes, error) {
	asked := verifyAsked(state, plan) || plan.Hash.ValueString() == hashEager && !plan.Hash.Equal(state.Hash)
	if !asked && !plan.wantsHash() {
		return nil, nil //nolint:nilnil // nothing to note
	}
	img, err := r.data.Ceph.ImageByID(ctx, p.snapshot, p.rbdImageID)
	if err != nil || !asked && entries(img)[p.record].Hashes != nil {
		return nil, err
	}
	rec, err := r.data.Glance.Get(ctx, p.record)
	if err != nil {
		return nil, err
	}
	has := hashesOf(rec)
	if has.Value == "" {
		return nil, fmt.Errorf("%w: image %q", errNoHash, p.record)
	}
	data, err := r.hashPlace(ctx, p, has.Algo)
	if err != nil {
		return nil, err
	}
	if !data.match(has) {
		// Noted, so that the next plan knows.
		if err := r.claim(ctx, img, p, rec.Name, &data); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w: of %s it is %s; image %q in Glance has %s", errHash, p.snapshot, data, p.record, has)
	}
	return &data, nil
}

// verifyAsked: any new value of verify_hash asks once.
func verifyAsked(state, plan model) bool {
	return !plan.VerifyHash.IsNull() && !plan.VerifyHash.Equal(state.VerifyHash)
}

// planHashes plans what the record will have. A record can't be given hashes
// after it became active.
func planHashes(plan *model, config, state model, fresh bool, resp *resource.ModifyPlanResponse) {
	switch {
	case fresh && plan.wantsHash():
		plan.HashAlgo = config.HashAlgo
		if config.HashAlgo.IsNull() {
			plan.HashAlgo = types.StringValue(defaultHashAlgo)
		}
		plan.HashValue, plan.Checksum, plan.HashMatches = types.StringUnknown(), types.StringUnknown(), types.BoolValue(true)
	case fresh:
		plan.HashAlgo, plan.HashValue, plan.Checksum = types.StringUnknown(), types.StringUnknown(), types.StringUnknown()
		plan.HashMatches = types.BoolUnknown()
	default:
		plan.HashAlgo, plan.HashValue, plan.Checksum = state.HashAlgo, state.HashValue, state.Checksum
		plan.HashMatches = state.HashMatches
		if plan.wantsHash() || verifyAsked(state, *plan) {
			plan.HashMatches = types.BoolValue(true)
		}
		if verifyAsked(state, *plan) && state.HashValue.IsNull() {
			report.AttributeError(&resp.Diagnostics, path.Root("verify_hash"), "plan", noun, state.ImageID.ValueString(),
				fmt.Errorf("%w, so there is nothing to compare with", errNoHash))
		}
	}
}

// defaultHashAlgo is Glance's own default of hashing_algorithm.
const defaultHashAlgo = "sha512"

// planReplaceHashes wants a new record where the hashes of the old one are not
// those that are wanted.
func planReplaceHashes(plan, config, state model, resp *resource.ModifyPlanResponse) {
	if !plan.wantsHash() {
		return
	}
	id := state.ImageID.ValueString()
	var why string
	switch {
	case state.HashValue.IsNull():
		why = fmt.Sprintf("Image %q has no hashes, and Glance takes them only while an image has no data yet.", id)
	case !config.HashAlgo.IsNull() && !config.HashAlgo.IsUnknown() && !config.HashAlgo.Equal(state.HashAlgo):
		why = fmt.Sprintf("Image %q has a hash of the algorithm %s, which Glance can't change any more.", id, state.HashAlgo.ValueString())
	case !state.HashMatches.IsNull() && !state.HashMatches.ValueBool():
		why = fmt.Sprintf("The hashes that Glance has of image %q are not those of its data: %s. Look for who changed them before you apply.", id, state.hashes())
	default:
		return
	}
	resp.Diagnostics.AddAttributeWarning(path.Root("hash"), "The image needs to be made anew for its hash",
		why+" The new one has another ID: hash = \"off\" keeps this one.")
	resp.RequiresReplace = append(resp.RequiresReplace, path.Root("os_hash_value"))
}
