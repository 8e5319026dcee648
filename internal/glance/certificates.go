// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// certificates say whom we trust, and as whom we come, on https.
type certificates struct {
	ca, cert, key material
	insecure      bool
}

// material is PEM, in a file or as it is.
type material struct{ file, pem string }

func (m material) given() bool { return m.file != "" || m.pem != "" }

func (m material) read() ([]byte, error) {
	if m.file == "" {
		return []byte(m.pem), nil
	}
	file := m.file
	if rest, ok := strings.CutPrefix(file, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, err
		}
		file = filepath.Join(home, rest)
	}
	return os.ReadFile(file)
}

// where names the material in an error; of PEM itself nothing is shown.
func (m material) where() string {
	if m.file != "" {
		return m.file
	}
	return "the PEM that is given"
}

// config is what they are to the transport.
func (c certificates) config() (*tls.Config, error) {
	config := &tls.Config{InsecureSkipVerify: c.insecure} //nolint:gosec // as whoever configures it wants
	if c.ca.given() {
		text, err := c.ca.read()
		if err != nil {
			return nil, fmt.Errorf("CA certificates: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("CA certificates: there is none in %s", c.ca.where())
		}
	}
	if !c.cert.given() {
		if c.key.given() {
			return nil, fmt.Errorf("the key of a client certificate is given (%s), but no certificate", c.key.where())
		}
		return config, nil
	}
	if !c.key.given() {
		c.key = c.cert // both may stand in one file
	}
	cert, err := c.cert.read()
	if err != nil {
		return nil, fmt.Errorf("client certificate: %w", err)
	}
	key, err := c.key.read()
	if err != nil {
		return nil, fmt.Errorf("key of the client certificate: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("client certificate in %s, key in %s: %w", c.cert.where(), c.key.where(), err)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

// Alerts of TLS that are about the certificate of the client, RFC 8446, 6.2.
var certificateAlerts = []uint64{
	42,  // bad_certificate
	43,  // unsupported_certificate
	44,  // certificate_revoked
	45,  // certificate_expired
	46,  // certificate_unknown
	48,  // unknown_ca
	49,  // access_denied
	116, // certificate_required
}

// certificateWanted tells whether the server has ended the connection for want of
// a client certificate that it accepts. The next attempt would be no better.
func certificateWanted(err error) bool {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return false
	}
	// The type of an alert is hidden, its number is not.
	alert := reflect.ValueOf(op.Err)
	return alert.CanUint() && slices.Contains(certificateAlerts, alert.Uint())
}
