// SPDX-License-Identifier: MPL-2.0

package bootcheck_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guesttest"
)

// sector imports a disk whose system is testdata/sector.s, which is up in a tenth of
// a second, and takes the snapshot golden. It writes text to its console, and later
// after some seconds; does is what it does between, as that file has it.
func sector(t *testing.T, spec, text, later string, does ...string) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"text": text, "later": later} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	object, raw := filepath.Join(dir, "object"), filepath.Join(dir, "raw")
	args := []string{"--32", "-I", dir, "-o", object}
	for _, d := range does {
		args = append(args, "--defsym", d+"=1")
	}
	guesttest.Run(t, "as", append(args, filepath.Join("testdata", "sector.s"))...)
	guesttest.Run(t, "ld", "-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary", "-o", raw, object)
	guesttest.Run(t, "truncate", "-s", "8M", raw)
	disk(t, spec, raw)
}
