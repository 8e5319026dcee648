// SPDX-License-Identifier: MPL-2.0

package customization

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
)

const program = "virt-customize"

// builder gathers virt-customize's arguments. What has a name that it would
// misread goes into files of dir, and what is secret into none.
type builder struct {
	dir     string
	mark    string
	args    []string
	secrets []*os.File
	n       int
	err     error
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

// secret has the program read content from its memory: a run that is killed
// leaves nothing of it.
func (b *builder) secret(content string) string {
	f, err := command.Secret(content)
	if err != nil {
		b.err = errors.Join(b.err, err)
		return ""
	}
	b.secrets = append(b.secrets, f)
	return command.FilePath(len(b.secrets) - 1)
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
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
		b.err = errors.Join(b.err, fmt.Errorf("%w: %w", ErrLocal, err))
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

// tool is virt-customize with its arguments in the order that the documentation
// promises; files that they name are in dir. The caller must close its files,
// with an error too.
func (j Job) tool(dir, password string) (guestfs.Tool, error) {
	b := &builder{dir: dir, mark: "output-" + rand.Text()}
	err := j.arguments(b, password)
	return guestfs.Tool{Name: program, Args: b.args, Mark: b.mark, Files: b.secrets, Env: j.proxies()}, errors.Join(err, b.err)
}

// proxies are what virt-customize hands on to the guest, where that may use the
// network: its package manager goes through the proxy of this machine.
func (j Job) proxies() []string {
	if !j.Network {
		return nil
	}
	var env []string
	for _, name := range []string{"http_proxy", "https_proxy", "ftp_proxy", "no_proxy"} {
		if v := os.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func (j Job) arguments(b *builder, password string) error {
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
			return err
		}
		b.add("--copy-in", source+":"+c[1])
	}
	for _, to := range slices.Sorted(maps.Keys(j.Upload)) {
		b.add("--upload", b.link(j.Upload[to])+":"+to)
	}
	if err := j.packages(b); err != nil {
		return err
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
		b.add("--root-password", "file:"+b.secret(password+"\n"))
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
	return nil
}

// packages installs local ones with the guest's own tool, then others by name.
func (j Job) packages(b *builder) error {
	kind, err := j.PackageKind()
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
