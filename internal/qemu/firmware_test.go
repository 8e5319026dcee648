// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// describe writes a descriptor.
func describe(t *testing.T, path, machine, code, vars, more string) {
	t.Helper()
	arch := map[bool]string{true: AArch64, false: X8664}[strings.HasPrefix(machine, "virt")]
	write(t, path, fmt.Appendf(nil, `{"interface-types": ["uefi"], "targets": [{"architecture": %q, "machines": ["pc-i440fx-*", %q]}],
		"features": ["verbose-dynamic"%s], "mapping": {"device": "flash",
		"executable": {"filename": %q, "format": "raw"}, "nvram-template": {"filename": %q, "format": "qcow2"}}}`, arch, machine, more, code, vars))
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Of the descriptors the first by name counts that is what the machine takes; those
// which are something else, broken or hostile are passed over.
func TestFindFlash(t *testing.T) {
	dir := t.TempDir()
	etc, share := filepath.Join(dir, "etc"), filepath.Join(dir, "share")
	code, vars := filepath.Join(dir, "CODE,readonly=off"), filepath.Join(dir, "VARS")
	write(t, code, []byte("code"))
	write(t, vars, []byte("vars"))
	none := []string{filepath.Join(dir, "absent"), etc, share}
	if _, err := findFlash(none, X8664); !errors.Is(err, ErrNoFirmware) || !strings.Contains(err.Error(), X8664) {
		t.Errorf("no folder: %v", err)
	}

	big := filepath.Join(dir, "BIG")
	write(t, big, nil)
	if err := os.Truncate(big, maxFlash+1); err != nil {
		t.Fatal(err)
	}
	describe(t, filepath.Join(share, "10-sb.json"), "pc-q35-*", code, vars, `, "secure-boot"`)
	describe(t, filepath.Join(share, "10-keys.json"), "pc-q35-*", code, vars, `, "enrolled-keys"`)
	describe(t, filepath.Join(share, "10-smm.json"), "pc-q35-*", code, vars, `, "requires-smm"`)
	describe(t, filepath.Join(share, "11-other.json"), "pc-i440fx-*", code, vars, "")
	describe(t, filepath.Join(share, "12-big.json"), "pc-q35-*", big, vars, "")
	describe(t, filepath.Join(share, "13-folder.json"), "pc-q35-*", dir, vars, "")
	describe(t, filepath.Join(share, "14-gone.json"), "pc-q35-*", code, vars+"-gone", "")
	describe(t, filepath.Join(share, "15-relative.json"), "pc-q35-*", "CODE", vars, "")
	describe(t, filepath.Join(share, "16-name"), "pc-q35-*", code, vars, "")
	write(t, filepath.Join(share, "17-broken.json"), []byte(`{"interface-types": 7`))
	write(t, filepath.Join(share, "18-empty.json"), nil)
	write(t, filepath.Join(share, "19-long.json"), bytes.Repeat([]byte(" "), maxDescriptor+1))
	if err := os.Mkdir(filepath.Join(share, "20-folder.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(share, "21-pipe.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	describe(t, filepath.Join(share, "30-arm.json"), "virt-*", code, vars, "")
	describe(t, filepath.Join(share, "31-bios.json"), "pc-q35-*", code, vars, "")
	change(t, filepath.Join(share, "31-bios.json"), `"uefi"`, `"bios"`)
	describe(t, filepath.Join(share, "32-memory.json"), "pc-q35-*", code, vars, "")
	change(t, filepath.Join(share, "32-memory.json"), `"flash"`, `"memory"`)
	describe(t, filepath.Join(share, "33-combined.json"), "pc-q35-*", code, vars, "")
	change(t, filepath.Join(share, "33-combined.json"), `"flash"`, `"flash", "mode": "combined"`)
	describe(t, filepath.Join(share, "34-format.json"), "pc-q35-*", code, vars, "")
	change(t, filepath.Join(share, "34-format.json"), `"raw"`, `"raw,readonly=off"`)
	if f, err := findFlash(none, X8664); !errors.Is(err, ErrNoFirmware) {
		t.Errorf("found %+v: %v", f, err)
	}

	other := filepath.Join(dir, "OTHER")
	write(t, other, []byte("other"))
	describe(t, filepath.Join(share, "60-first.json"), "pc-q35-*", other, vars, "")
	describe(t, filepath.Join(share, "61-second.json"), "pc-q35-*", code, vars, "")
	change(t, filepath.Join(share, "60-first.json"), `"flash"`, `"flash", "mode": "split"`)
	if f, err := findFlash(none, X8664); err != nil || f.code.Filename != other {
		t.Errorf("found %+v: %v", f, err)
	}
	write(t, filepath.Join(etc, "60-first.json"), nil) // hides it
	f, err := findFlash(none, X8664)
	if err != nil || f.code.Filename != code {
		t.Fatalf("found %+v: %v", f, err)
	}
	want := []string{
		"-drive", "if=pflash,unit=0,format=raw,readonly=on,file.driver=file,file.filename=" + code[:len(dir)] + "/CODE,,readonly=off",
		"-drive", "if=pflash,unit=1,format=qcow2,cache=unsafe,file.driver=file,file.filename=/d/v",
	}
	if got := f.args("/d/v"); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if f, err := findFlash(none, AArch64); err != nil || f.code.Filename != code {
		t.Errorf("found %+v: %v", f, err)
	}
}

func change(t *testing.T, path, from, to string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(b, []byte(from)) {
		t.Fatalf("%s: %v: %s", path, err, b)
	}
	write(t, path, bytes.Replace(b, []byte(from), []byte(to), 1))
}

// The variables are a copy, which takes no room where there is nothing.
func TestCopyVars(t *testing.T) {
	dir := t.TempDir()
	template, to := filepath.Join(dir, "template"), filepath.Join(dir, "copy")
	content := append(bytes.Repeat([]byte("vars"), 30_000), make([]byte, 8<<20)...)
	content = append(content, "end"...)
	content = append(content, make([]byte, 1<<20)...)
	write(t, template, content)
	f := flash{vars: flashFile{template, "raw"}}
	if err := f.copyVars(to); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(to)
	var s syscall.Stat_t
	if err = errors.Join(err, syscall.Stat(to, &s)); err != nil || !bytes.Equal(got, content) || s.Blocks*512 > 1<<20 || s.Mode&0o777 != 0o600 {
		t.Errorf("%d bytes of %d in %d blocks: %v", len(got), len(content), s.Blocks, err)
	}
	if err := f.copyVars(to); !errors.Is(err, os.ErrExist) {
		t.Errorf("onto another file: %v", err)
	}
}

func TestMachineArgs(t *testing.T) {
	for _, c := range []struct{ arch, firmware, bus, accel, want string }{
		{X8664, BIOS, IDE, "kvm", "-machine pc,accel=kvm"},
		{X8664, UEFI, IDE, "tcg", "-machine q35,accel=tcg"},
		{AArch64, UEFI, VirtioBlk, "tcg", "-machine virt,gic-version=max,accel=tcg -cpu max,pauth-impdef=on"},
		{AArch64, UEFI, VirtioSCSI, "kvm", "-machine virt,gic-version=max,accel=kvm -cpu max"},
		{AArch64, UEFI, IDE, "tcg", ""},
		{AArch64, BIOS, VirtioBlk, "tcg", ""},
		{"riscv64", UEFI, VirtioBlk, "tcg", ""},
		{X8664, "", VirtioBlk, "tcg", ""},
	} {
		m := Machine{Seed: "/seed", Architecture: c.arch, Firmware: c.firmware, Bus: c.bus, Accelerator: c.accel, Network: NoNetwork}
		args, err := m.args(false)
		if line := strings.Join(args, " "); (err != nil) != (c.want == "") || !strings.HasPrefix(line+" ", c.want+" ") {
			t.Errorf("%+v: %v: %s", c, err, line)
		} else if sata := strings.Contains(line, "ide-cd,bus=ide.1,drive=seed"); sata != (c.bus == IDE && c.firmware == UEFI && c.want != "") {
			t.Errorf("%+v: %s", c, line)
		}
	}
}
