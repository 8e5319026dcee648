// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
)

// clientCertificate is one that signs itself, with its key.
func clientCertificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "terraform"}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	cert = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	pool.AppendCertsFromPEM([]byte(cert))
	return cert, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})), pool
}

// secured is a server on https before one of the lab, which wants a client
// certificate that the pool knows.
func secured(t *testing.T, of string, pool *x509.CertPool) (address, ca string) {
	t.Helper()
	target, err := url.Parse(of)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(&url.URL{Scheme: target.Scheme, Host: target.Host}))
	server.TLS = &tls.Config{ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}

func TestClientCertificateInLab(t *testing.T) {
	lab := labAuth(t)
	endpoint, err := labClient(t, asMember).Endpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cert, key, pool := clientCertificate(t)
	otherCert, otherKey, _ := clientCertificate(t)
	keystone, ca := secured(t, lab.AuthURL, pool)
	image, _ := secured(t, endpoint, pool)
	certFile, keyFile := writeFile(t, "cert.pem", []byte(cert)), writeFile(t, "key.pem", []byte(key))
	yes := true
	for what, test := range map[string]struct {
		change func(*Config)
		kind   error
		parts  []string
	}{
		"files": {func(c *Config) {
			c.CACertFile, c.CertFile, c.KeyFile = writeFile(t, "ca.pem", []byte(ca)), certFile, keyFile
		}, ErrNotFound, nil},
		"PEM":               {func(c *Config) { c.CACertPEM, c.CertPEM, c.KeyPEM = ca, cert, key }, ErrNotFound, nil},
		"one of each":       {func(c *Config) { c.CACertPEM, c.CertFile, c.KeyPEM = ca, certFile, key }, ErrNotFound, nil},
		"insecure":          {func(c *Config) { c.Insecure, c.CertPEM, c.KeyPEM = &yes, cert, key }, ErrNotFound, nil},
		"unknown authority": {func(c *Config) { c.CertPEM, c.KeyPEM = cert, key }, ErrCertificate, []string{"authority"}},
		"none":              {func(c *Config) { c.CACertPEM = ca }, ErrClientCertificate, []string{keystone}},
		"another":           {func(c *Config) { c.CACertPEM, c.CertPEM, c.KeyPEM = ca, otherCert, otherKey }, ErrClientCertificate, []string{keystone}},
		"none at Glance":    {func(c *Config) { c.Insecure, c.Auth.URL = &yes, lab.AuthURL }, ErrClientCertificate, []string{"no answer from glance"}},
		"another key":       {func(c *Config) { c.CACertPEM, c.CertFile, c.KeyPEM = ca, certFile, otherKey }, ErrConfig, []string{certFile, "the PEM that is given"}},
		"no PEM":            {func(c *Config) { c.CACertPEM = secret }, ErrConfig, []string{"CA certificates", "the PEM that is given"}},
		"no key":            {func(c *Config) { c.CertFile = certFile }, ErrConfig, []string{certFile}},
		"no certificate":    {func(c *Config) { c.KeyFile = keyFile }, ErrConfig, []string{keyFile}},
	} {
		t.Run(what, func(t *testing.T) {
			clearOS(t)
			cfg := Config{Endpoint: image, Auth: Auth{
				URL: keystone, UserName: lab.Username, Password: lab.Password, ProjectName: lab.ProjectName, DomainName: "Default",
			}}
			test.change(&cfg)
			begin := time.Now()
			_, err := New(cfg).Get(t.Context(), NewID()) // with the time that faults are waited out
			wantError(t, err, test.kind, test.parts...)
			wantNoSecret(t, err, lab.Password, secret, strings.Split(key, "\n")[1], strings.Split(otherKey, "\n")[1])
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("took %s: it was tried again", took)
			}
		})
	}
	// As requests reads it, both may stand in one file.
	both := writeFile(t, "both.pem", []byte(cert+key))
	useCloud(t, clouds.Cloud{AuthInfo: &clouds.AuthInfo{
		AuthURL: keystone, Username: lab.Username, Password: lab.Password, ProjectName: lab.ProjectName, DomainName: "Default",
	}, ClientCertFile: both, CACertFile: writeFile(t, "ca.pem", []byte(ca))})
	wantError(t, connectError(t, Config{Cloud: "test", Endpoint: image}), ErrNotFound)
}
