// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// idleTimeout is how long a connection that nobody uses is kept. Terraform
// calls a provider in bursts, and a connection costs about ten milliseconds. It is
// much longer than librbd.CloseReadOnly leaves an image open.
const idleTimeout = 20 * time.Second

// Cluster is a Ceph cluster as one user sees it. It connects at first use;
// equal configurations share one connection.
type Cluster struct {
	cfg Config
	// silent is when a part of the cluster was last found not to answer, in Unix
	// seconds.
	silent atomic.Int64
	asked  struct {
		sync.Mutex
		pools map[string]*probing
	}
}

// NewCluster does not connect.
func NewCluster(cfg Config) *Cluster {
	return &Cluster{cfg: cfg.resolved()}
}

func (c *Cluster) logf(ctx context.Context, format string, args ...any) {
	if c.cfg.Logf != nil {
		c.cfg.Logf(ctx, format, args...)
	}
}

// User is the Ceph user, without "client.".
func (c *Cluster) User() string { return c.cfg.User }

// connections are all that this process has, by configuration.
var connections = struct {
	sync.Mutex
	byKey map[string]*connection
}{byKey: map[string]*connection{}}

// connection is counted: it is shut down when it has been unused for
// idleTimeout.
type connection struct {
	key string
	// other is the key of the other one of the same configuration.
	other string
	// patient is for changes, see Patiently. A read of any other connection is
	// ended by librados when an OSD does not answer; of a change that was ended
	// so nobody would know whether it was made.
	patient bool
	users   int
	idle    *time.Timer

	ready chan struct{} // closed when conn or err is set
	conn  *rados.Conn
	fsid  string
	err   error
	ended time.Time // of the attempt to connect
}

func (c Config) connectionKey(patient bool) string { return fmt.Sprintf("%s %t", c.key(), patient) }

// connect returns the shared connection and what gives it back.
func (c *Cluster) connect(ctx context.Context, patient bool) (*connection, func(), error) {
	key := c.cfg.connectionKey(patient)
	connections.Lock()
	cn := connections.byKey[key]
	if cn == nil || cn.outdated() {
		limit := c.cfg.connectLimit(patient)
		if cn != nil { // nobody answered a moment ago
			limit = min(limit, max(limit/4, probeLimit))
		}
		cn = &connection{key: key, other: c.cfg.connectionKey(!patient), patient: patient, ready: make(chan struct{})}
		connections.byKey[key] = cn
		go cn.dial(c.cfg, limit)
	}
	cn.take()
	connections.Unlock()

	select {
	case <-cn.ready:
	case <-ctx.Done():
		cn.release()
		return nil, nil, fmt.Errorf("connect to the cluster: %w", ctx.Err())
	}
	if cn.err != nil {
		cn.release()
		return nil, nil, cn.err
	}
	if want := c.cfg.FSID; want != "" && !strings.EqualFold(want, cn.fsid) {
		cn.release()
		return nil, nil, fmt.Errorf("%w: its fsid is %s, the configuration wants %s", ErrWrongCluster, cn.fsid, want)
	}
	return cn, cn.release, nil
}

// take is called under the lock of connections.
func (cn *connection) take() {
	cn.users++
	if cn.idle != nil {
		cn.idle.Stop()
		cn.idle = nil
	}
}

func (cn *connection) release() {
	connections.Lock()
	defer connections.Unlock()
	cn.users--
	if cn.users > 0 {
		return
	}
	wait := idleTimeout
	if cn.isReady() && cn.err != nil {
		if !cn.unanswered() { // the next use tries again
			cn.forget()
			return
		}
		wait = silenceLimit
	}
	cn.idle = time.AfterFunc(wait, func() {
		connections.Lock()
		if cn.users > 0 || !cn.isReady() {
			connections.Unlock()
			return
		}
		cn.forget()
		connections.Unlock()
		if cn.conn != nil {
			cn.conn.Shutdown()
		}
	})
}

// forget is called under the lock of connections.
func (cn *connection) forget() {
	if connections.byKey[cn.key] == cn {
		delete(connections.byKey, cn.key)
	}
}

// unanswered tells of an attempt that has ended whether no monitor answered. It is
// the answer to whoever asks within probeLimit after that: of a thousand resources
// not every tenth is to wait for its own attempt.
func (cn *connection) unanswered() bool { return hasErrno(cn.err, syscall.ETIMEDOUT) }

func (cn *connection) outdated() bool {
	return cn.isReady() && cn.unanswered() && time.Since(cn.ended) > probeLimit
}

func (cn *connection) isReady() bool {
	select {
	case <-cn.ready:
		return true
	default:
		return false
	}
}

// refresh gets the latest map of the pools where the other connection knows of
// another pool by this name: it was removed and made anew, and a client hears of
// that only when it asks.
func (cn *connection) refresh(pool string) error {
	connections.Lock()
	other := connections.byKey[cn.other]
	if other == nil || !other.isReady() || other.err != nil {
		connections.Unlock()
		return nil
	}
	other.take()
	connections.Unlock()
	defer other.release()
	here, err := cn.conn.GetPoolByName(pool)
	if err != nil {
		return nil // who opens it says what is wrong
	}
	if there, err := other.conn.GetPoolByName(pool); err == nil && there == here {
		return nil
	}
	return cn.conn.WaitForLatestOSDMap()
}

func (cn *connection) dial(cfg Config, limit time.Duration) {
	defer close(cn.ready)
	cn.conn, cn.fsid, cn.err = dial(cfg, limit, cn.patient)
	cn.ended = time.Now()
}

// connectLimit is how long monitors get to answer.
func (c Config) connectLimit(patient bool) time.Duration {
	if patient {
		return max(c.ConnectTimeout, patience)
	}
	return c.ConnectTimeout
}

func dial(cfg Config, limit time.Duration, patient bool) (*rados.Conn, string, error) {
	conn, err := rados.NewConnWithClusterAndUser(cfg.cluster, "client."+cfg.User)
	if err != nil {
		return nil, "", fmt.Errorf("make a connection for client.%s: %w", cfg.User, err)
	}
	if err := cfg.checkFiles(); err != nil {
		return nil, "", err
	}
	if err := configure(conn, cfg, limit, patient); err != nil {
		return nil, "", err
	}
	if err := conn.Connect(); err != nil {
		return nil, "", connectError(conn, cfg, limit, err)
	}
	fsid, err := conn.GetFSID()
	if err != nil {
		conn.Shutdown()
		return nil, "", fmt.Errorf("read the fsid: %w", err)
	}
	return conn, fsid, nil
}

func configure(conn *rados.Conn, cfg Config, limit time.Duration, patient bool) error {
	if cfg.ConfFile != "" {
		if err := conn.ReadConfigFile(cfg.ConfFile); err != nil {
			return confError(cfg.ConfFile, err)
		}
	}
	seconds := func(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }
	usual := seconds(cfg.connectLimit(patient))
	options := map[string]string{
		// librados waits five minutes for a monitor by default.
		"client_mount_timeout": seconds(limit),
		"rados_mon_op_timeout": usual,
		// A library has no business on the provider's standard error.
		"log_to_stderr": "false",
		"err_to_stderr": "false",
	}
	if !patient {
		options["rados_osd_op_timeout"] = usual
	}
	if len(cfg.Monitors) > 0 {
		options["mon_host"] = strings.Join(cfg.Monitors, ",")
	}
	if cfg.KeyringFile != "" {
		options["keyring"] = cfg.KeyringFile
	}
	if cfg.Key != "" {
		options["key"] = cfg.Key
	}
	for k, v := range cfg.Options {
		options[k] = v
	}
	for _, k := range sortedKeys(options) {
		if err := conn.SetConfigOption(k, options[k]); err != nil {
			return optionError(k, err)
		}
	}
	return nil
}

// confError is about a file that can be opened.
func confError(path string, err error) error {
	if errno(err) != syscall.EINVAL {
		return fmt.Errorf("%w: %s could not be read: %w", ErrConfNotFound, path, err)
	}
	why := ""
	if b, e := os.ReadFile(path); e == nil && len(b) > 0 && b[len(b)-1] != '\n' {
		why = ": its last line has no line feed, which Ceph 16 asks for"
	}
	return fmt.Errorf("%w: %s%s (%w)", ErrConfMalformed, path, why, err)
}

// optionError does not tell the value: it may be the key.
func optionError(name string, err error) error {
	switch errno(err) {
	case syscall.ENOENT:
		return fmt.Errorf("%w: there is none of the name %q (%w)", ErrOption, name, err)
	case syscall.EINVAL:
		return fmt.Errorf("%w: the value of %q is none that it can have (%w)", ErrOption, name, err)
	}
	return fmt.Errorf("%w: %q could not be set: %w", ErrOption, name, err)
}

// connectError tells apart what librados says with bare error codes.
func connectError(conn *rados.Conn, cfg Config, limit time.Duration, err error) error {
	user := "client." + cfg.User
	mons, _ := conn.GetConfigOption("mon_host")
	switch errno(err) {
	case syscall.ENOENT:
		// With a key or keyring at hand ENOENT means no monitor address.
		if mons == "" {
			return fmt.Errorf("%w: no monitor address is configured (%w)", ErrUnreachable, err)
		}
		keyring, _ := conn.GetConfigOption("keyring")
		return fmt.Errorf("%w: %s was not found in %s (%w)", ErrKeyringNotFound, user, keyring, err)
	case syscall.EPERM, syscall.EACCES:
		// librados goes on without cephx where it finds no key at all, and is
		// refused for that.
		keyring, _ := conn.GetConfigOption("keyring")
		if cfg.Key == "" && !anyExists(keyring) {
			return fmt.Errorf("%w: %s; looked for %s (%w)", ErrKeyringNotFound, user, keyring, err)
		}
		return fmt.Errorf("%w: %s at %s (%w)", ErrAuthentication, user, mons, err)
	case syscall.ETIMEDOUT:
		return fmt.Errorf("%w: no monitor of %s answered within %s (%w)", ErrUnreachable, mons, limit, err)
	}
	return fmt.Errorf("%w: %s as %s: %w", ErrUnreachable, mons, user, err)
}

// anyExists takes a list as Ceph writes it, separated by commas.
func anyExists(list string) bool {
	for f := range strings.SplitSeq(list, ",") {
		if _, err := os.Stat(strings.TrimSpace(f)); err == nil {
			return true
		}
	}
	return false
}

// changeGrace is how long a change that has begun may go on after its context
// has ended. Whoever is to take a change back must know whether it was made.
const changeGrace = time.Minute

// do runs fn, which only reads, with a connection. librbd calls can't be
// interrupted: when ctx ends first, do returns and fn goes on in the background
// until the cluster answers or the process ends. Whatever fn opens it must
// close itself.
func (c *Cluster) do(ctx context.Context, fn func(*connection) error) error {
	return c.run(ctx, 0, "", fn)
}

// run is do, and with a grace for what changes something: that is not begun after
// the end of ctx, but once begun gets the time to end. pool, where one is given, is whose
// OSDs may be asked whether they answer.
func (c *Cluster) run(ctx context.Context, grace time.Duration, pool string, fn func(*connection) error) error {
	return c.runAs(ctx, grace > 0 || isPatient(ctx), grace, pool, fn)
}

// runAs is run with a connection of this kind.
func (c *Cluster) runAs(ctx context.Context, patient bool, grace time.Duration, pool string, fn func(*connection) error) error {
	// Of many reads only the first waits for the whole of its limit.
	if !patient && c.wasSilent() {
		if err := c.stillSilent(pool); err != nil {
			return err
		}
	}
	cn, release, err := c.connect(ctx, patient)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		release()
		return fmt.Errorf("not begun: %w", err)
	}
	done := make(chan error, 1)
	go func() {
		defer release()
		done <- fn(cn)
	}()
	answered, err := await(ctx, done, grace, part{c: c, pool: pool})
	if answered {
		err = c.explain(cn, err)
	} else {
		cn.abandon(err)
	}
	return err
}

// abandon leaves a connection to the calls that are under way on it, where one of
// them did not end in time though the cluster answers others: whatever it is that
// hangs, the next call is not to wait for it too.
func (cn *connection) abandon(why error) {
	if !errors.Is(why, context.DeadlineExceeded) || errors.Is(why, ErrOSDSilent) || errors.Is(why, ErrUnreachable) {
		return
	}
	connections.Lock()
	defer connections.Unlock()
	cn.forget()
}

// graceOf tells reading from changing.
func graceOf(mode openMode) time.Duration {
	if mode == readWrite {
		return changeGrace
	}
	return 0
}
