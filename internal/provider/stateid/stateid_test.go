// SPDX-License-Identifier: MPL-2.0

package stateid

import (
	"os"
	"path/filepath"
	"testing"
)

// place is where a provider runs.
type place struct {
	dir  string
	host string
	env  map[string]string
}

func (p place) id(t *testing.T) string {
	t.Helper()
	id, err := of(p.dir, p.host, func(name string) string { return p.env[name] })
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// at is a folder that was initialised with this backend.
func at(t *testing.T, backend string) place {
	t.Helper()
	return place{dir: folder(t, map[string]string{".terraform/terraform.tfstate": `{"backend":` + backend + `}`}), host: "a"}
}

func TestRemoteStateIsTheSameInEveryCheckout(t *testing.T) {
	s3 := func(access, key string) string {
		return `{"type":"s3","config":{"bucket":"states","key":"` + key + `","access_key":"` + access + `","secret_key":"s","profile":null}}`
	}
	pg := func(login string) string {
		return `{"type":"pg","config":{"conn_str":"postgres://` + login + `@db/states?sslmode=require","schema_name":"golden"}}`
	}
	tests := map[string]struct {
		a, b string
		same bool
	}{
		"other credentials":             {s3("one", "golden"), s3("two", "golden"), true},
		"other key of a bucket":         {s3("one", "golden"), s3("one", "test"), false},
		"other password of a database":  {pg("a:one"), pg("b:two"), true},
		"connection string with words":  {`{"type":"pg","config":{"conn_str":"host=db user=a password=1"}}`, `{"type":"pg","config":{"conn_str":"host=db user=b password=2"}}`, true},
		"other host of a database":      {`{"type":"pg","config":{"conn_str":"host=db"}}`, `{"type":"pg","config":{"conn_str":"host=db2"}}`, false},
		"other secret of a kubernetes":  {`{"type":"kubernetes","config":{"secret_suffix":"a","token":"1"}}`, `{"type":"kubernetes","config":{"secret_suffix":"b","token":"1"}}`, false},
		"other token of a kubernetes":   {`{"type":"kubernetes","config":{"secret_suffix":"a","token":"1"}}`, `{"type":"kubernetes","config":{"secret_suffix":"a","token":"2"}}`, true},
		"other workspace of an org":     {`{"type":"cloud","config":{"organization":"o","workspaces":{"name":"a"}}}`, `{"type":"cloud","config":{"organization":"o","workspaces":{"name":"b"}}}`, false},
		"other kind of backend":         {`{"type":"gcs","config":{"bucket":"a"}}`, `{"type":"oss","config":{"bucket":"a"}}`, false},
		"other secret of an unknown":    {`{"type":"new","config":{"place":"a","api_token":"1"}}`, `{"type":"new","config":{"place":"a","api_token":"2"}}`, true},
		"other place of an unknown":     {`{"type":"new","config":{"place":"a"}}`, `{"type":"new","config":{"place":"b"}}`, false},
		"unknown that says no place":    {`{"type":"inmem","config":{}}`, `{"type":"inmem","config":{}}`, false},
		"local, as it is":               {`{"type":"local","config":{"path":null}}`, `{"type":"local","config":{"path":null}}`, false},
		"local, at one path":            {`{"type":"local","config":{"path":"/srv/s.tfstate"}}`, `{"type":"local","config":{"path":"/srv/s.tfstate"}}`, true},
		"local, in the folders":         {`{"type":"local","config":{"path":"s.tfstate"}}`, `{"type":"local","config":{"path":"s.tfstate"}}`, false},
		"state store":                   {`null,"state_store":{"type":"x_fs","config":{"dir":"a"}}`, `null,"state_store":{"type":"x_fs","config":{"dir":"a"}}`, true},
		"state store at another place":  {`null,"state_store":{"type":"x_fs","config":{"dir":"a"}}`, `null,"state_store":{"type":"x_fs","config":{"dir":"b"}}`, false},
		"address with other passwords":  {`{"type":"http","config":{"address":"https://a:1@h/x"}}`, `{"type":"http","config":{"address":"https://b:2@h/x"}}`, true},
		"other address":                 {`{"type":"http","config":{"address":"https://h/x"}}`, `{"type":"http","config":{"address":"https://h/y"}}`, false},
		"two states at an address with": {`{"type":"http","config":{"address":"https://h/x?s=1"}}`, `{"type":"http","config":{"address":"https://h/x?s=2"}}`, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, b := at(t, test.a), at(t, test.b)
			b.host = "b"
			if test.a == `{"type":"local","config":{"path":"/srv/s.tfstate"}}` {
				b.host = a.host
			}
			if same := a.id(t) == b.id(t); same != test.same {
				t.Errorf("the ids are equal: %v, want %v", same, test.same)
			}
			if again := a.id(t); again != a.id(t) {
				t.Error("the id changes from one call to the next")
			}
		})
	}
}

func TestLocalStates(t *testing.T) {
	dir := folder(t, nil)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	one := place{dir: dir, host: "a"}.id(t)
	selected := folder(t, map[string]string{".terraform/environment": "prod\n"})
	elsewhere := folder(t, map[string]string{"terraform.tfstate": `{"backend":{"type":"gcs","config":{"bucket":"a"}}}`})
	env := func(name, value string) map[string]string { return map[string]string{name: value} }

	for name, test := range map[string]struct {
		a, b string
		same bool
	}{
		"through a link":            {one, place{dir: link, host: "a"}.id(t), true},
		"workspace by its name":     {one, place{dir: dir, host: "a", env: env("TF_WORKSPACE", "default")}.id(t), true},
		"other workspace":           {one, place{dir: dir, host: "a", env: env("TF_WORKSPACE", "prod")}.id(t), false},
		"selected workspace":        {place{dir: selected, host: "a"}.id(t), place{dir: selected, host: "a", env: env("TF_WORKSPACE", "default")}.id(t), false},
		"copy":                      {one, place{dir: folder(t, nil), host: "a"}.id(t), false},
		"same path on another host": {one, place{dir: dir, host: "b"}.id(t), false},
		"data folder":               {place{dir: dir, host: "a", env: env("TF_DATA_DIR", elsewhere)}.id(t), place{dir: selected, host: "b", env: env("TF_DATA_DIR", elsewhere)}.id(t), true},
		"address in the environment": {
			place{dir: at(t, `{"type":"http","config":{}}`).dir, host: "a", env: env("TF_HTTP_ADDRESS", "https://h/x")}.id(t),
			place{dir: at(t, `{"type":"http","config":{}}`).dir, host: "b", env: env("TF_HTTP_ADDRESS", "https://h/x")}.id(t), true,
		},
		"run of HCP Terraform": {
			place{dir: dir, host: "a", env: env("TFC_WORKSPACE_SLUG", "org/golden")}.id(t),
			place{dir: selected, host: "b", env: env("TFC_WORKSPACE_SLUG", "org/golden")}.id(t), true,
		},
	} {
		if same := test.a == test.b; same != test.same {
			t.Errorf("%s: the ids are equal: %v, want %v", name, same, test.same)
		}
	}
}

func TestUnreadableBackendIsAnError(t *testing.T) {
	dir := folder(t, map[string]string{".terraform/terraform.tfstate": `{`})
	if id, err := of(dir, "a", func(string) string { return "" }); err == nil {
		t.Errorf("no error, id %q", id)
	}
	if a := ID(); a == "" || a != ID() {
		t.Errorf("the id of this process is %q, then %q", a, ID())
	}
}
