// SPDX-License-Identifier: MPL-2.0

package command

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Secret is a file with that content which has no name in any file system: it
// lives in memory, and is gone with the last process that has it open, however
// that ends. The caller must close it. Similar To: memfd_create(2)
func Secret(content string) (*os.File, error) {
	fd, err := unix.MemfdCreate("secret", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a file in memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), "secret")
	if _, err := f.WriteString(content); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("write a file in memory: %w", err)
	}
	return f, nil
}
