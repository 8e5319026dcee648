package customization

import (
	"crypto/rand"
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
	"strconv"
	"strings"
)

var (
	errLocal    = errors.New("local file can't be used")
	errPackages = errors.New("packages of both kinds")
)

// packageDir is where packages lie in the guest while they are installed.
const packageDir = "/var/tmp/terraform-provider-rbd-packages"

// job is what is to be done to a guest.
type job struct {
	Mkdir, Packages, Install, Enable, Disable, Run, Commands, Delete, Truncate []string

	CopyIn, Append     [][2]string
	Upload             map[string]string // local files by their path in the guest
	Keys               map[string][]string
	Hostname, Timezone string
	PasswordVersion    int64
	Relabel, Network   bool
	Triggers           map[string]string
}

// inputs are what the result depends on, with the content of local files. The
// error is fs.ErrNotExist for a file that this run may still make.
func (j job) inputs() (any, error) {
	sums := map[string]string{}
	local := append(slices.Collect(maps.Values(j.Upload)), j.Packages...)
	for _, c := range j.CopyIn {
		local = append(local, c[0])
	}
	for _, path := range local {
		sum, err := digest(path)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errLocal, err)
		}
		sums[path] = sum
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

// packageKind is "deb" or "rpm", empty without packages.
func (j job) packageKind() (string, error) {
	kind := ""
	for _, p := range j.Packages {
		k := strings.TrimPrefix(filepath.Ext(p), ".")
		if kind != "" && k != kind {
			return "", fmt.Errorf("%w: %s", errPackages, strings.Join(j.Packages, ", "))
		}
		kind = k
	}
	return kind, nil
}

// builder gathers virt-customize's arguments. Whatever may be secret, and what
// has a name that it would misread, goes into files of dir.
type builder struct {
	dir  string
	mark string
	args []string
	n    int
	err  error
}

func (b *builder) add(args ...string) { b.args = append(b.args, args...) }

// file writes a private file and returns its name, relative to dir.
func (b *builder) file(prefix, content string) string {
	b.n++
	name := prefix + "-" + strconv.Itoa(b.n)
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(content), 0o600); err != nil {
		b.err = errors.Join(b.err, err)
	}
	return name
}

// script writes one under the name by which virt-customize's messages call it.
func (b *builder) script(name, content string) string {
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(content), 0o600); err != nil {
		b.err = errors.Join(b.err, err)
	}
	return name
}

// link is another name of a local file, since virt-customize cuts names at a
// colon.
func (b *builder) link(path string) string {
	b.n++
	name := "local-" + strconv.Itoa(b.n)
	abs, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(abs)
	}
	if err == nil {
		err = os.Symlink(abs, filepath.Join(b.dir, name))
	}
	if err != nil {
		b.err = errors.Join(b.err, fmt.Errorf("%w: %w", errLocal, err))
	}
	return name
}

// run runs a script in the guest. What it prints is found behind the mark.
func (b *builder) run(name, script string) {
	if !strings.HasPrefix(script, "#!") {
		script = "#!/bin/sh\n" + script
	}
	b.add("--run", b.file("mark", "#!/bin/sh\necho "+b.mark+"\n"), "--run", b.script(name, script+"\n"))
}

// arguments are those of virt-customize, in the order that the documentation
// promises; files that they name are in dir.
func (j job) arguments(dir, password string) (args []string, mark string, err error) {
	b := &builder{dir: dir, mark: "output-" + rand.Text()}
	network := "--no-network"
	if j.Network {
		network = "--network"
	}
	b.add(network, "--no-logfile")
	for _, p := range j.Mkdir {
		b.add("--mkdir", p)
	}
	for _, c := range j.CopyIn {
		source, err := filepath.Abs(c[0])
		if err != nil {
			return nil, "", err
		}
		b.add("--copy-in", source+":"+c[1])
	}
	for _, to := range slices.Sorted(maps.Keys(j.Upload)) {
		b.add("--upload", b.link(j.Upload[to])+":"+to)
	}
	if err := j.packages(b); err != nil {
		return nil, "", err
	}
	for _, l := range j.Append {
		b.add("--append-line", l[0]+":"+l[1])
	}
	if j.Hostname != "" {
		b.add("--hostname", j.Hostname)
	}
	if j.Timezone != "" {
		b.add("--timezone", j.Timezone)
	}
	if password != "" {
		b.add("--root-password", "file:"+b.file("password", password+"\n"))
	}
	for _, user := range slices.Sorted(maps.Keys(j.Keys)) {
		b.add("--ssh-inject", user+":file:"+b.file("keys", strings.Join(j.Keys[user], "\n")+"\n"))
	}
	for i, services := range [][]string{j.Enable, j.Disable} {
		if len(services) > 0 {
			verb := []string{"enable", "disable"}[i]
			b.run(verb+"_services", "systemctl "+verb+" "+strings.Join(services, " "))
		}
	}
	for i, s := range j.Run {
		b.run("run-"+strconv.Itoa(i+1), s)
	}
	for i, c := range j.Commands {
		b.run("run_command-"+strconv.Itoa(i+1), c)
	}
	for _, p := range j.Delete {
		b.add("--delete", p)
	}
	for _, p := range j.Truncate {
		b.add("--truncate", p)
	}
	if j.Relabel {
		b.add("--selinux-relabel")
	}
	return b.args, b.mark, b.err
}

// packages installs local ones with the guest's own tool, then others by name.
func (j job) packages(b *builder) error {
	kind, err := j.packageKind()
	if err != nil {
		return err
	}
	if kind != "" {
		b.add("--mkdir", packageDir)
		for i, p := range j.Packages {
			b.add("--upload", b.link(p)+":"+packageDir+"/"+strconv.Itoa(i)+"."+kind)
		}
		install := map[string]string{
			"deb": "DEBIAN_FRONTEND=noninteractive dpkg -i ./*.deb",
			"rpm": "rpm -U --replacepkgs ./*.rpm",
		}[kind]
		b.run("packages", "set -e\ncd "+packageDir+"\n"+install+"\ncd /\nrm -r "+packageDir)
	}
	if len(j.Install) > 0 {
		b.add("--install", strings.Join(j.Install, ","))
	}
	return nil
}
