// SPDX-License-Identifier: MPL-2.0

// Package stateid tells the Terraform state at hand from all others. Terraform
// doesn't say which state it works for; it starts the provider in the folder of
// the root module though, where it notes the backend and the workspace.
package stateid

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// ID identifies the state at hand, in 16 hexadecimal digits. With a remote
// backend it is made of the backend and the workspace, since a runner may check
// the configuration out elsewhere each time; with a local one of the host, the
// state's path and the workspace. Where that can't be read it is another one
// for each process, so that nothing is taken for our own.
func ID() string { return current() }

var current = sync.OnceValue(func() string {
	host, err := os.Hostname()
	if err == nil {
		var dir string
		if dir, err = os.Getwd(); err == nil {
			var id string
			if id, err = of(dir, host, os.Getenv); err == nil {
				return id
			}
		}
	}
	return digest([]string{"unknown", rand.Text()})
})

// of is the ID for a root module in this folder.
func of(dir, host string, getenv func(string) string) (string, error) {
	// A run of HCP Terraform is in a folder, on a host and with a backend that
	// are made for it alone.
	if slug := getenv("TFC_WORKSPACE_SLUG"); slug != "" {
		return digest([]string{"hcp", getenv("TFC_ADDRESS"), slug}), nil
	}
	data := getenv("TF_DATA_DIR")
	if data == "" {
		data = ".terraform"
	}
	if !filepath.IsAbs(data) {
		data = filepath.Join(dir, data)
	}
	workspace, err := workspaceOf(data, getenv)
	if err != nil {
		return "", err
	}
	b, err := readBackend(data)
	if err != nil {
		return "", err
	}
	if b.Type != "local" {
		if where := b.location(getenv); len(where) > 0 {
			return digest(append([]string{"remote", b.Type, workspace}, where...)), nil
		}
	}
	local, err := localPath(dir, workspace, b)
	if err != nil {
		return "", err
	}
	return digest([]string{"local", b.Type, workspace, host, local}), nil
}

// localPath says where a local state is: in the folder as it really is, or
// where the configuration says instead, which differs by workspace.
func localPath(dir, workspace string, b backend) (string, error) {
	name := "path"
	if workspace != "default" {
		name = "workspace_dir"
	}
	path, _ := b.Config[name].(string)
	if !filepath.IsAbs(path) {
		home, err := filepath.EvalSymlinks(dir)
		if err != nil {
			return "", err
		}
		path = filepath.Join(home, path)
	}
	// The file, and even its folder, may not be there yet.
	if folder, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(folder, filepath.Base(path))
	}
	return path, nil
}

func workspaceOf(data string, getenv func(string) string) (string, error) {
	if name := getenv("TF_WORKSPACE"); name != "" {
		return name, nil
	}
	raw, err := os.ReadFile(filepath.Join(data, "environment"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if name := strings.TrimSpace(string(raw)); name != "" {
		return name, nil
	}
	return "default", nil
}

// readBackend reads what `terraform init` has noted. Without it the backend is
// a local one.
func readBackend(data string) (backend, error) {
	raw, err := os.ReadFile(filepath.Join(data, "terraform.tfstate"))
	if errors.Is(err, fs.ErrNotExist) {
		return backend{Type: "local"}, nil
	}
	if err != nil {
		return backend{}, err
	}
	var noted struct {
		Backend    *backend `json:"backend"`
		StateStore *backend `json:"state_store"`
	}
	if err := json.Unmarshal(raw, &noted); err != nil {
		return backend{}, err
	}
	for _, b := range []*backend{noted.Backend, noted.StateStore} {
		if b != nil && b.Type != "" {
			return *b, nil
		}
	}
	return backend{Type: "local"}, nil
}

// digest hashes the parts so that no two lists of parts are one.
func digest(parts []string) string {
	raw, err := json.Marshal(parts)
	if err != nil { // strings always can be
		panic(err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}
