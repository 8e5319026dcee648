// Package nbd gives what this process reads to a tool as a network block
// device, on a socket that nobody else can reach.
package nbd

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync"

	"github.com/pojntfx/go-nbd/pkg/server"
)

// Server serves one device, read-only, until Close.
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
	s := &Server{Socket: filepath.Join(dir, "nbd"), open: map[net.Conn]struct{}{}}
	var err error
	if s.listener, err = (&net.ListenConfig{}).Listen(context.Background(), "unix", s.Socket); err != nil {
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
				go s.handle(conn, r, size)
			}
			s.mu.Unlock()
		}
	}()
	return s, nil
}

func (s *Server) handle(conn net.Conn, r io.ReaderAt, size int64) {
	defer s.serving.Done()
	// What fails ends the connection, and with it the tool: r knows why.
	_ = server.Handle(conn, []*server.Export{{Backend: device{r, size}}},
		&server.Options{ReadOnly: true, MinimumBlockSize: 1, SupportsMultiConn: true})
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

func (device) WriteAt([]byte, int64) (int, error) { return 0, errReadOnly }
