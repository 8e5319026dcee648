// SPDX-License-Identifier: MPL-2.0

package guestcompare

import (
	"path"
	"strings"
)

// bootFile says whether a file tells the kernel's parameters, and how it is read.
func bootFile(p string) func(text string, found func(key, value string)) {
	dir, name := path.Split(p)
	switch {
	case p == "/etc/default/grub", dir == "/etc/default/grub.d/" && strings.HasSuffix(name, ".cfg"):
		return grubDefaults
	case p == "/boot/grub/grub.cfg", p == "/boot/grub2/grub.cfg", strings.HasPrefix(dir, "/boot/efi/EFI/") && name == "grub.cfg":
		return grubConfig
	case dir == "/boot/loader/entries/" && strings.HasSuffix(name, ".conf"), dir == "/boot/efi/loader/entries/" && strings.HasSuffix(name, ".conf"):
		return loaderEntry
	case p == "/boot/grub2/grubenv", p == "/boot/grub/grubenv":
		return grubEnv
	case p == "/etc/kernel/cmdline":
		return func(text string, found func(string, string)) { found("", strings.TrimSpace(text)) }
	case name == "extlinux.conf" && (dir == "/boot/extlinux/" || dir == "/boot/" || dir == "/"):
		return extlinux
	}
	return nil
}

// maxBootFiles bounds how many files are read for them.
const maxBootFiles = 200

// bootParameters are the kernel's parameters by where they stand.
func (c *comparison) bootParameters(i int) (map[string]string, error) {
	out := map[string]string{}
	read := 0
	for _, f := range c.sides[i].files {
		parse := bootFile(f.Path)
		if parse == nil || read >= maxBootFiles {
			continue
		}
		read++
		b, ok, err := c.read(i, f.Path, maxConfig)
		if err != nil {
			return nil, err
		}
		if ok {
			parse(string(b), func(key, value string) { put(out, strings.TrimSpace(f.Path+" "+key), value) })
		}
	}
	return out, nil
}

// put keeps all values of a key that stands there several times.
func put(m map[string]string, key, value string) {
	if old, ok := m[key]; ok && old != value {
		if len(old) > maxText {
			return
		}
		value = old + " | " + value
	}
	m[key] = value
}

// grubDefaults reads the variables of a shell that have parameters.
func grubDefaults(text string, found func(key, value string)) {
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && strings.HasPrefix(key, "GRUB_CMDLINE_") {
			found(key, strings.Trim(value, `"'`))
		}
	}
}

// grubConfig reads the lines that load a kernel.
func grubConfig(text string, found func(key, value string)) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) > 1 && (f[0] == "linux" || f[0] == "linux16" || f[0] == "linuxefi") {
			found(f[1], strings.Join(f[2:], " "))
		}
	}
}

func loaderEntry(text string, found func(key, value string)) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) > 1 && f[0] == "options" {
			found("", strings.Join(f[1:], " "))
		}
	}
}

func grubEnv(text string, found func(key, value string)) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "kernelopts="); ok {
			found("kernelopts", strings.TrimSpace(value))
		}
	}
}

func extlinux(text string, found func(key, value string)) {
	label := ""
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		switch strings.ToLower(f[0]) {
		case "label":
			label = f[1]
		case "append":
			found(label, strings.Join(f[1:], " "))
		}
	}
}
