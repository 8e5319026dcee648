// SPDX-License-Identifier: MPL-2.0

package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// ReadHead asks for the first n bytes of a file and what the server says of it.
//
// Errors: ErrNotFound, ErrStatus, ErrAnswer, ErrEncoded, ErrTruncated.
func ReadHead(ctx context.Context, file string, n int) (info Info, head []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*headerTimeout)
	defer cancel()
	tries := newRetry(ctx, file)
	tries.attempts = headAttempts
	for {
		if info, head, err = readHead(ctx, file, n); err == nil {
			return info, head, nil
		}
		if err := tries.again(err); err != nil {
			return Info{}, nil, err
		}
	}
}

func readHead(ctx context.Context, file string, n int) (Info, []byte, error) {
	a, err := get(ctx, file, 0, int64(n), "")
	if err != nil {
		return Info{}, nil, err
	}
	defer func() { _ = a.body.Close() }() // what was wanted was read
	head := make([]byte, n)
	got, err := readFull(a.body, head)
	if err != nil {
		return Info{}, nil, fmt.Errorf("read %s: %w", shown(file), withoutAddress(err))
	}
	if want := min(a.SizeBytes, int64(n)); int64(got) < want {
		return Info{}, nil, fmt.Errorf("read %s: %w: %d of %d bytes", shown(file), ErrTruncated, got, want)
	}
	return a.Info, head[:got], nil
}

// readFull is io.ReadFull for what may be shorter.
func readFull(r io.Reader, b []byte) (int, error) {
	n, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return n, err
}
