package acctest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
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
	cmd := exec.Command(filepath.Join(os.Getenv("RBD_LAB"), "exec"), append([]string{name}, args...)...) //nolint:gosec // of the lab
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// GlanceServer is an API server that a test has started.
type GlanceServer struct {
	Address  string // without "/v2"
	Database string // its SQLite file
	Conf     string // its glance-api.conf
}

// Scrub removes the data of what was deleted with delayed_delete.
func (s GlanceServer) Scrub(t testing.TB) {
	t.Helper()
	if out, err := server("glance-scrubber", "--config-file", s.Conf).CombinedOutput(); err != nil {
		t.Fatalf("glance-scrubber: %v: %s", err, out)
	}
}

// StartGlance runs another API server on the lab's stores and a copy of its
// database as it is now, with options of its own.
func StartGlance(t testing.TB, options map[string]string) GlanceServer {
	t.Helper()
	RequireLab(t)
	db := filepath.Join(t.TempDir(), "glance.sqlite")
	SQLite(t, filepath.Join(os.Getenv("RBD_LAB"), "glance", "glance.sqlite"), ".backup "+db)
	return startGlance(t, db, options)
}

// StartGlanceNode runs another API server on the lab's stores and its database:
// a second node behind a load balancer, with options of its own. Two that write
// to an SQLite at once may find it locked now and then.
func StartGlanceNode(t testing.TB, options map[string]string) GlanceServer {
	t.Helper()
	RequireLab(t)
	return startGlance(t, filepath.Join(os.Getenv("RBD_LAB"), "glance", "glance.sqlite"), options)
}

func startGlance(t testing.TB, db string, options map[string]string) GlanceServer {
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
	_ = l.Close()
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
	address := fmt.Sprintf("http://127.0.0.1:%d", port)
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get(address) //nolint:gosec // the one just started
		if err == nil {
			_ = resp.Body.Close()
			return GlanceServer{address, db, file}
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
	if out, err := exec.Command("sqlite3", db, ".timeout 5000", command).CombinedOutput(); err != nil { //nolint:gosec // a test
		t.Fatalf("sqlite3: %v: %s", err, out)
	}
}

// GlanceDelete is `openstack image delete` by whoever user of the lab, with a
// plain request, and gives the status code of the answer.
func GlanceDelete(t testing.TB, user, project, address, id string) int {
	t.Helper()
	return GlanceRequest(t, user, project, http.MethodDelete, address+"/v2/images/"+id, "", nil)
}

// GlanceRequest sends a plain request as a user of the lab.
func GlanceRequest(t testing.TB, user, project, method, address, contentType string, body any) int {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	if body == nil {
		text = nil
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", token(t, user, project))
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode
}

var tokens sync.Map

func token(t testing.TB, user, project string) string {
	t.Helper()
	if known, ok := tokens.Load(user); ok {
		return known.(string) //nolint:forcetypeassert // stored below
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(os.Getenv("RBD_LAB"), name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	keystone := regexp.MustCompile(`auth_url: (\S+)`).FindStringSubmatch(read("clouds.yaml"))[1]
	domain := map[string]any{"id": "default"}
	body, err := json.Marshal(map[string]any{"auth": map[string]any{
		"identity": map[string]any{"methods": []string{"password"}, "password": map[string]any{
			"user": map[string]any{"name": user, "domain": domain, "password": read("keystone/password." + user)}}},
		"scope": map[string]any{"project": map[string]any{"name": project, "domain": domain}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(keystone+"/auth/tokens", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	got := resp.Header.Get("X-Subject-Token")
	if got == "" {
		t.Fatalf("no token for %s: %s", user, resp.Status)
	}
	tokens.Store(user, got)
	return got
}
