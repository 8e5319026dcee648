// SPDX-License-Identifier: MPL-2.0

//go:build !linux

package command

import (
	"fmt"
	"os"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/hostfile"
)

// Secret is in secret_linux.go.
func Secret(string) (*os.File, error) {
	return nil, fmt.Errorf("make a file in memory: %w", hostfile.ErrNotLinux)
}
