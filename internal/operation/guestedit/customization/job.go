// SPDX-License-Identifier: MPL-2.0

package customization

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var (
	// ErrLocal is about a local file that an argument names, see LocalArgument.
	ErrLocal = errors.New("local file can't be used")
	// ErrPackages says that local packages are for two package managers.
	ErrPackages = errors.New("packages of both kinds")
)

// localError is about a local file that an argument names.
type localError struct {
	argument string
	err      error
}

func (e *localError) Error() string   { return ErrLocal.Error() + ": " + e.err.Error() }
func (e *localError) Unwrap() []error { return []error{ErrLocal, e.err} }

// LocalArgument is the name of the argument that names the local file which an
// error is about; copy_in where it is about none.
func LocalArgument(err error) string {
	var local *localError
	if errors.As(err, &local) {
		return local.argument
	}
	return "copy_in"
}

// packageDir is where packages lie in the guest while they are installed.
const packageDir = "/var/tmp/terraform-provider-rbd-packages"

// Job is what is to be done to a guest, but for the password of root.
type Job struct {
	Mkdir, Packages, Install, Enable, Disable, Run, Commands, Delete, Truncate []string

	CopyIn, Append     [][2]string
	Upload             map[string]string // local files by their path in the guest
	Keys               map[string][]string
	Hostname, Timezone string
	PasswordVersion    int64
	Relabel, Network   bool
	Triggers           map[string]string
}

// Inputs are what the result depends on, with the content of local files. The
// error is fs.ErrNotExist for a file that this run may still make.
func (j Job) Inputs() (any, error) {
	sums := map[string]string{}
	copied := make([]string, len(j.CopyIn))
	for i, c := range j.CopyIn {
		copied[i] = c[0]
	}
	for _, local := range []struct {
		argument string
		paths    []string
	}{{"upload", slices.Sorted(maps.Values(j.Upload))}, {"packages", j.Packages}, {"copy_in", copied}} {
		for _, path := range local.paths {
			sum, err := digest(path)
			if err != nil {
				return nil, &localError{local.argument, err}
			}
			sums[path] = sum
		}
	}
	return []any{j, sums}, nil
}

// digest hashes a file, or all that is in a folder, with names and modes.
func digest(root string) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if path == root && d.Type()&fs.ModeSymlink != 0 {
			if path, err = filepath.EvalSymlinks(path); err != nil {
				return err
			}
		}
		fi, err := os.Lstat(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%q %v %d\n", name, fi.Mode(), fi.Size())
		switch {
		case fi.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			fmt.Fprintf(h, "%q\n", target)
			return err
		case !fi.Mode().IsRegular():
			return nil
		}
		f, err := os.Open(path) //nolint:gosec // the user's own files, which virt-customize opens by their paths too
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(h, f)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

// PackageKind is "deb" or "rpm", empty without packages.
//
// Errors: ErrPackages.
func (j Job) PackageKind() (string, error) {
	kind := ""
	for _, p := range j.Packages {
		k := strings.TrimPrefix(filepath.Ext(p), ".")
		if kind != "" && k != kind {
			return "", fmt.Errorf("%w: %s", ErrPackages, strings.Join(j.Packages, ", "))
		}
		kind = k
	}
	return kind, nil
}
