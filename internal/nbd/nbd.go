// SPDX-License-Identifier: MPL-2.0

// Package nbd gives what this process reads to a tool as a network block
// device, on a socket that nobody else can reach.
package nbd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/pojntfx/go-nbd/pkg/server"
)

// Server serves one device until Close.
type Server struct {
	// Socket is the path of the Unix socket.
	Socket string

	listener net.Listener
	mu       sync.Mutex
	open     map[net.Conn]struct{}
	closed   bool
	serving  sync.WaitGroup
}

// Serve serves size bytes of r in dir, a folder that is the owner's alone. What
// is missing to a whole sector of 512 bytes reads as zeros.
func Serve(dir string, r io.ReaderAt, size int64) (*Server, error) {
	return serve(dir, device{r: r, size: size})
}

// Disk is a device that can be written to.
type Disk interface {
	io.ReaderAt
	io.WriterAt
}

// ServeWritable is Serve for what is written to as well, by one client. What
// was written is in d when the client has closed the device.
func ServeWritable(dir string, d Disk, size int64) (*Server, error) {
	return serve(dir, device{r: d, w: d, size: size})
}

func serve(dir string, d device) (*Server, error) {
	s := &Server{Socket: filepath.Join(dir, "nbd"), open: map[net.Conn]struct{}{}}
	var err error
	if s.listener, err = listen(s.Socket); err != nil {
		return nil, err
	}
	s.serving.Add(1)
	go func() {
		defer s.serving.Done()
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			if s.closed {
				_ = conn.Close()
			} else {
				s.open[conn] = struct{}{}
				s.serving.Add(1)
				go s.handle(conn, d)
			}
			s.mu.Unlock()
		}
	}()
	return s, nil
}

// maxSocket is how long the path of a Unix socket may be, in bytes.
const maxSocket = 107

// listen listens on a socket also where its path is too long for the kernel.
func listen(path string) (net.Listener, error) {
	config := net.ListenConfig{}
	if len(path) <= maxSocket {
		return config.Listen(context.Background(), "unix", path)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }() // opened for reading
	l, err := config.Listen(context.Background(), "unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)))
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // by then that name is another's; the folder goes away as a whole
	}
	return l, err
}

func (s *Server) handle(conn net.Conn, d device) {
	defer s.serving.Done()
	// What fails ends the connection, and with it the tool: r knows why.
	_ = server.Handle(conn, []*server.Export{{Backend: d}},
		// Without the flag of several connections the library sends none at all, at
		// which qemu stumbles.
		&server.Options{ReadOnly: d.w == nil, MinimumBlockSize: 1, SupportsMultiConn: true})
	s.mu.Lock()
	delete(s.open, conn)
	s.mu.Unlock()
	_ = conn.Close()
}

// Close ends all connections. Reads of r must have ended, or end by themselves.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for conn := range s.open {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
	return err
}

// sector is the unit in which qemu counts the size of what it reads.
const sector = 512

// device is an io.ReaderAt as the server wants it: in whole sectors, with zeros
// at the end. Of a size in between, qemu 7.2 asks no more than there is but
// waits for the rest of the sector, for ever.
type device struct {
	r    io.ReaderAt
	w    io.WriterAt // nil for a device that is read-only
	size int64
}

var errReadOnly = errors.New("the device is read-only")

func (d device) ReadAt(b []byte, at int64) (int, error) {
	inside := max(min(int64(len(b)), d.size-at), 0)
	if inside > 0 {
		n, err := d.r.ReadAt(b[:inside], at)
		if err != nil && (!errors.Is(err, io.EOF) || int64(n) < inside) {
			return n, err
		}
	}
	if end, _ := d.Size(); at+int64(len(b)) > end {
		return int(inside), io.EOF
	}
	clear(b[inside:])
	return len(b), nil
}

func (d device) Size() (int64, error) { return (d.size + sector - 1) / sector * sector, nil }
func (d device) Sync() error          { return nil }

// WriteAt drops what is beyond the size, in the last sector: nothing is there.
func (d device) WriteAt(b []byte, at int64) (int, error) {
	if d.w == nil {
		return 0, errReadOnly
	}
	if inside := max(min(int64(len(b)), d.size-at), 0); inside > 0 {
		if n, err := d.w.WriteAt(b[:inside], at); err != nil {
			return n, err
		}
	}
	return len(b), nil
}
