package acctest

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// GlanceVersion is the major version of the lab's Glance: "25" is 2023.1, "30"
// is 2025.1.
func GlanceVersion(t testing.TB) string {
	t.Helper()
	out, err := server("dpkg-query", "-W", "-f", "${Version}", "glance-api").Output()
	version := regexp.MustCompile(`^(?:\d+:)?(\d+)\.`).FindSubmatch(out)
	if err != nil || version == nil {
		t.Fatalf("no version of glance-api: %q, %v", out, err)
	}
	return string(version[1])
}

// server is a command run as the servers of the lab run, of their release.
func server(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(os.Getenv("RBD_LAB"), "exec"), append([]string{name}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// StartGlance runs another API server on the lab's stores and a copy of its
// database as it is now, with options of its own, and gives its address and
// database.
func StartGlance(t testing.TB, options map[string]string) (address, db string) {
	t.Helper()
	RequireLab(t)
	db = filepath.Join(t.TempDir(), "glance.sqlite")
	SQLite(t, filepath.Join(os.Getenv("RBD_LAB"), "glance", "glance.sqlite"), ".backup "+db)
	return startGlance(t, db, options), db
}

// StartGlanceNode runs another API server on the lab's stores and its database:
// a second node behind a load balancer, with options of its own. Two that write
// to an SQLite at once may find it locked now and then.
func StartGlanceNode(t testing.TB, options map[string]string) (address string) {
	t.Helper()
	RequireLab(t)
	return startGlance(t, filepath.Join(os.Getenv("RBD_LAB"), "glance", "glance.sqlite"), options)
}

func startGlance(t testing.TB, db string, options map[string]string) (address string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(os.Getenv("RBD_LAB"), "glance", "glance-api.conf"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	dir := t.TempDir()
	conf := string(text)
	set := func(name, value string) {
		conf = regexp.MustCompile(`(?m)^`+name+` *=.*\n`).ReplaceAllString(conf, "")
		section := "[DEFAULT]\n"
		switch name {
		case "connection":
			section = "[database]\n"
		case "rbd_store_user", "rbd_store_pool":
			section = "[rbd]\n"
		}
		conf = strings.Replace(conf, section, section+name+" = "+value+"\n", 1)
	}
	set("connection", "sqlite:///"+db)
	set("bind_port", fmt.Sprint(port))
	set("log_file", filepath.Join(dir, "log"))
	for name, value := range options {
		set(name, value)
	}
	file := filepath.Join(dir, "glance-api.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	api := server("glance-api", "--config-file", file)
	if err := api.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = api.Process.Signal(syscall.SIGTERM)
		_ = api.Wait()
	})
	address = fmt.Sprintf("http://127.0.0.1:%d", port)
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get(address)
		if err == nil {
			resp.Body.Close()
			return address
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Fatalf("glance-api does not come up: %v\n%s", err, log)
		}
	}
}

// SQLite runs a command of sqlite3 on a database.
func SQLite(t testing.TB, db, command string) {
	t.Helper()
	if out, err := exec.Command("sqlite3", db, ".timeout 5000", command).CombinedOutput(); err != nil {
		t.Fatalf("sqlite3: %v: %s", err, out)
	}
}
