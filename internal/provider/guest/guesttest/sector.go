// SPDX-License-Identifier: MPL-2.0

package guesttest

import (
	_ "embed"
	"os"
	"path/filepath"
	"testing"
)

//go:embed sector.asm
var sector []byte

// Sector makes a raw disk whose system is sector.asm, which is up in a tenth of a second:
// it writes text to its console, and later after some seconds. does is what it does
// between, as that file has it.
func Sector(t *testing.T, text, later string, does ...string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string][]byte{"sector.asm": sector, "text": []byte(text), "later": []byte(later)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	object, raw := filepath.Join(dir, "object"), filepath.Join(dir, "raw")
	args := []string{"--32", "-I", dir, "-o", object, filepath.Join(dir, "sector.asm")}
	for _, d := range does {
		args = append(args, "--defsym", d+"=1")
	}
	Run(t, "as", args...)
	Run(t, "ld", "-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary", "-o", raw, object)
	Run(t, "truncate", "-s", "8M", raw)
	return raw
}
