// SPDX-License-Identifier: MPL-2.0

package acctest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
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
// database as it is now, with options of its own: "name", or "section.name".
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

// Node runs another API server on the same stores and database, with options of
// its own.
func (s GlanceServer) Node(t testing.TB, options map[string]string) GlanceServer {
	t.Helper()
	return startGlance(t, s.Database, options)
}

// withOption sets an option in a configuration of Glance: SECTION.NAME, or NAME
// where this knows the section.
func withOption(conf, name, value string) string {
	section, option, ok := strings.Cut(name, ".")
	if !ok {
		conf = regexp.MustCompile(`(?m)^`+name+` *=.*\n`).ReplaceAllString(conf, "")
		section, option = "DEFAULT", name
	}
	switch name {
	case "connection":
		section = "database"
	case "rbd_store_user", "rbd_store_pool":
		section = "rbd"
	}
	section = "[" + section + "]\n"
	if !strings.Contains(conf, section) {
		conf += section
	}
	return strings.Replace(conf, section, section+option+" = "+value+"\n", 1)
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
	set := func(name, value string) { conf = withOption(conf, name, value) }
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
	// Since Glance 33 it is no server of its own.
	if serve := filepath.Join(os.Getenv("RBD_LAB"), "glance", "wsgi-serve"); exists(serve) {
		api = server("env", "OS_GLANCE_CONFIG_DIR="+dir, "python3", serve, "glance.wsgi.api", fmt.Sprint(port))
	}
	if err := api.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = api.Process.Signal(syscall.SIGTERM)
		_ = api.Wait()
	})
	address := fmt.Sprintf("http://127.0.0.1:%d", port)
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
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

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// SQLite runs a command of sqlite3 on a database.
func SQLite(t testing.TB, db, command string) {
	t.Helper()
	if out, err := exec.Command("sqlite3", db, ".timeout 5000", command).CombinedOutput(); err != nil { //nolint:gosec // a test
		t.Fatalf("sqlite3: %v: %s", err, out)
	}
}

// WebDownload makes a raw image of what an HTTP server has, as
// openstack_images_image_v2 does with web_download: Glance fetches it and writes it
// into its store. It waits until the image is active, and gives its ID. A record that
// the test leaves is deleted.
func WebDownload(t testing.TB, user, project, address, name, source string) (id string) {
	t.Helper()
	images := address + "/v2/images"
	record := Request{User: user, Project: project, Method: http.MethodPost, Address: images, ContentType: "application/json"}
	record.Body = map[string]any{"name": name, "disk_format": "raw", "container_format": "bare"}
	var made struct {
		ID, Status string
		Failed     string `json:"os_glance_failed_import"`
	}
	record.into(t, &made)
	t.Cleanup(func() { GlanceDelete(t, user, project, address, made.ID) })
	record.Address += "/" + made.ID + "/import"
	record.Body = map[string]any{"method": map[string]string{"name": "web-download", "uri": source}}
	if code, body := record.send(t); code != http.StatusAccepted {
		t.Fatalf("web-download of %s: %d, %s", source, code, body)
	}
	record.Method, record.Address, record.Body = http.MethodGet, images+"/"+made.ID, nil
	Await(t, "Glance has fetched "+source, func() bool {
		record.into(t, &made)
		if made.Failed != "" {
			t.Fatalf("Glance could not import %s", source)
		}
		return made.Status == "active"
	})
	return made.ID
}

// GlanceDelete is `openstack image delete` by whoever user of the lab, with a
// plain request, and gives the status code of the answer.
func GlanceDelete(t testing.TB, user, project, address, id string) int {
	t.Helper()
	return Request{User: user, Project: project, Method: http.MethodDelete, Address: address + "/v2/images/" + id}.Send(t)
}

// Request is a plain request to Glance by a user of the lab.
type Request struct {
	User, Project, Method, Address, ContentType string
	Body                                        any
}

// Send sends it, and gives the status code of the answer.
func (r Request) Send(t testing.TB) int {
	t.Helper()
	code, _ := r.send(t)
	return code
}

// into decodes the answer.
func (r Request) into(t testing.TB, answer any) {
	t.Helper()
	code, body := r.send(t)
	if err := json.Unmarshal(body, answer); err != nil || code >= http.StatusBadRequest {
		t.Fatalf("%s %s: %d, %v", r.Method, r.Address, code, err)
	}
}

func (r Request) send(t testing.TB) (code int, body []byte) {
	t.Helper()
	text, err := json.Marshal(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if r.Body == nil {
		text = nil
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), r.Method, r.Address, bytes.NewReader(text)) // also when the test has ended
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", token(t, r.User, r.Project))
	if r.ContentType != "" {
		req.Header.Set("Content-Type", r.ContentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}

// UseToken has the provider come with a token in place of a password, which
// Keystone checks for a third of a second each time: for tests of many runs.
func UseToken(t *testing.T, user, project string) {
	t.Helper()
	for name, value := range map[string]string{"OS_CLOUD": "", "OS_AUTH_URL": keystone(t), "OS_TOKEN": token(t, user, project), "OS_REGION_NAME": "RegionOne"} {
		t.Setenv(name, value)
	}
}

// keystone is the address of the lab's.
func keystone(t testing.TB) string {
	t.Helper()
	return regexp.MustCompile(`auth_url: (\S+)`).FindStringSubmatch(readLab(t, "clouds.yaml"))[1]
}

func readLab(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(os.Getenv("RBD_LAB"), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var tokens sync.Map

func token(t testing.TB, user, project string) string {
	t.Helper()
	if known, ok := tokens.Load(user); ok {
		return known.(string) //nolint:forcetypeassert // stored below
	}
	got, err := issueToken(user, readLab(t, "keystone/password."+user), project, keystone(t))
	if err != nil {
		t.Fatal(err)
	}
	tokens.Store(user, got)
	return got
}

// Token issues a new token to who has this name in the lab's clouds.yaml, as `openstack
// token issue` does in two seconds.
func Token(t testing.TB, cloud string) string {
	t.Helper()
	c := cloudOf(t, cloud)
	token, err := issueToken(c["username"], c["password"], c["project_name"], c["auth_url"])
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// RevokeToken is `openstack token revoke`.
func RevokeToken(t testing.TB, cloud, token string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, cloudOf(t, cloud)["auth_url"]+"/auth/tokens", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", token)
	req.Header.Set("X-Subject-Token", token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("revoke a token: %s", resp.Status)
	}
}

// cloudOf are the values of an entry of the lab's clouds.yaml.
func cloudOf(t testing.TB, cloud string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(os.Getenv("RBD_LAB"), "clouds.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, entry, found := strings.Cut(string(text), "\n  "+cloud+":\n")
	if !found {
		t.Fatalf("no cloud %s in the lab's clouds.yaml", cloud)
	}
	values := map[string]string{}
	for line := range strings.Lines(entry) {
		if !strings.HasPrefix(line, "    ") {
			break
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		values[name] = value
	}
	return values
}

// issueToken is `openstack token issue`.
func issueToken(user, password, project, authURL string) (string, error) {
	domain := map[string]any{"id": "default"}
	body, err := json.Marshal(map[string]any{"auth": map[string]any{
		"identity": map[string]any{"methods": []string{"password"}, "password": map[string]any{
			"user": map[string]any{"name": user, "domain": domain, "password": password}}},
		"scope": map[string]any{"project": map[string]any{"name": project, "domain": domain}},
	}})
	if err != nil {
		return "", err
	}
	resp, err := http.Post(authURL+"/auth/tokens", "application/json", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	_ = resp.Body.Close()
	got := resp.Header.Get("X-Subject-Token")
	if got == "" {
		return "", fmt.Errorf("no token for %s: %s", user, resp.Status)
	}
	return got, nil
}
