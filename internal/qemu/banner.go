// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"time"
)

// attempt bounds one try to read a banner, and the time between two.
const (
	attempt  = 5 * time.Second
	interval = 500 * time.Millisecond
)

// awaitBanner tries to read the ssh banner until it matches, or ctx ends. A TCP
// connection says nothing: qemu accepts it whatever the guest does.
func (m Machine) awaitBanner(ctx context.Context, want *regexp.Regexp, found chan<- string) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	address := ""
	for {
		var err error
		if address == "" {
			address, err = m.forwarded(ctx)
		}
		if err == nil && address != "" {
			if b, err := banner(ctx, address); err == nil && want.MatchString(b) {
				found <- b
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// banner reads the line with which a server of ssh begins (RFC 4253, 4.2: other
// lines may come before it).
func banner(ctx context.Context, address string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	lines := bufio.NewScanner(conn)
	for n := 0; n < 50 && lines.Scan(); n++ {
		if strings.HasPrefix(lines.Text(), "SSH-") {
			return clean(lines.Bytes()), nil
		}
	}
	return "", errors.Join(lines.Err(), errors.New("no banner"))
}

// maxAnswers bounds what qemu may answer, in bytes.
const maxAnswers = 1 << 20

var forwarding = regexp.MustCompile(`TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s`)

// forwarded asks qemu which port it forwards to the guest's ssh.
func (m Machine) forwarded(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", m.monitor())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	answers := json.NewDecoder(io.LimitReader(conn, maxAnswers))
	var greeting json.RawMessage
	if err := answers.Decode(&greeting); err != nil {
		return "", err
	}
	text := ""
	for _, c := range []string{
		`{"execute":"qmp_capabilities"}`,
		`{"execute":"human-monitor-command","arguments":{"command-line":"info usernet"}}`,
	} {
		if _, err := fmt.Fprintln(conn, c); err != nil {
			return "", err
		}
		for done := false; !done; {
			var a struct {
				Return any `json:"return"`
				Error  any `json:"error"`
			}
			if err := answers.Decode(&a); err != nil {
				return "", err
			}
			if a.Error != nil {
				return "", fmt.Errorf("qemu refuses %s: %v", c, a.Error)
			}
			done = a.Return != nil // events come in between
			text, _ = a.Return.(string)
		}
	}
	port := forwarding.FindStringSubmatch(text)
	if port == nil {
		return "", errors.New("qemu forwards no port")
	}
	return net.JoinHostPort("127.0.0.1", port[1]), nil
}
