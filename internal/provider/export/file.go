package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
)

var (
	errChanged    = errors.New("the file is not as it was written: somebody changed it")
	errNotRegular = errors.New("it is not a regular file any more")
	errNoSpace    = errors.New("not enough free space")
)

// record is what the private state keeps of a file, to tell cheaply whether it
// still is the same.
type record struct {
	SizeBytes int64     `json:"size_bytes"`
	Modified  time.Time `json:"modified"`
	// SHA256 is that of the content that was written, or imported; the state's
	// own is that of the content at the last refresh.
	SHA256 string `json:"sha256"`
}

const recordKey = "file"

func (r record) keep(ctx context.Context, to interface {
	SetKey(context.Context, string, []byte) diag.Diagnostics
}) diag.Diagnostics {
	b, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("plain values: %v", err))
	}
	return to.SetKey(ctx, recordKey, b)
}

// keptRecord is the record of a file in the state. Terraform does not hand the
// private state to the destruction of a tainted resource: then no file has the
// record's time, and its hash decides.
func keptRecord(ctx context.Context, state model, from interface {
	GetKey(context.Context, string) ([]byte, diag.Diagnostics)
}, diags *diag.Diagnostics) record {
	r := record{SizeBytes: state.SizeBytes.ValueInt64(), SHA256: state.SHA256.ValueString()}
	b, d := from.GetKey(ctx, recordKey)
	if diags.Append(d...); b == nil {
		return r
	}
	if err := json.Unmarshal(b, &r); err != nil {
		diags.AddError("Unable to read the private state", "What it keeps of the file: "+err.Error()+".")
	}
	return r
}

// lstat reads a file's size, time and mode. A link in its place is none of ours.
func lstat(name string) (fs.FileInfo, error) {
	fi, err := os.Lstat(name)
	if err == nil && !fi.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", name, errNotRegular)
	}
	return fi, err
}

func (r record) matches(fi fs.FileInfo) bool {
	return fi.Size() == r.SizeBytes && fi.ModTime().Equal(r.Modified)
}

// hashFile reads all of a file.
func hashFile(ctx context.Context, name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // opened for reading
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for {
		n, err := f.Read(buf)
		_, _ = h.Write(buf[:n])
		switch {
		case errors.Is(err, io.EOF):
			return hex.EncodeToString(h.Sum(nil)), nil
		case err != nil:
			return "", err
		case ctx.Err() != nil:
			return "", fmt.Errorf("read %s: %w", name, ctx.Err())
		}
	}
}

// look reads a file's size and time, and only where these are others than at the
// last look all of it: a file that was copied back has another time only.
func look(ctx context.Context, state model, was record) (record, fs.FileInfo, error) {
	file, err := state.path()
	if err != nil {
		return record{}, nil, err
	}
	fi, err := lstat(file)
	if err != nil {
		return record{}, nil, err
	}
	is := record{SizeBytes: fi.Size(), Modified: fi.ModTime(), SHA256: state.SHA256.ValueString()}
	if !was.matches(fi) {
		is.SHA256, err = hashFile(ctx, file)
	}
	return is, fi, err
}

// expect returns errChanged where the file's content does not have this hash. A
// file that is gone is no error.
func expect(ctx context.Context, state model, was record, sha string) error {
	is, _, err := look(ctx, state, was)
	if err == nil && is.SHA256 != sha {
		err = fmt.Errorf("%s: %w", state.File.ValueString(), errChanged)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// checkSpace refuses to begin what can't be finished.
func checkSpace(dir string, bytes int64) error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return fmt.Errorf("look for free space in %s: %w", dir, err)
	}
	free := int64(st.Bavail) * st.Bsize //nolint:gosec // no file system is that large
	if free < bytes {
		return fmt.Errorf("%w: the export needs %d MiB, %s has %d MiB", errNoSpace, (bytes+1<<20-1)>>20, dir, free>>20)
	}
	return nil
}
