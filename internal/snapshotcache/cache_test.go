// SPDX-License-Identifier: MPL-2.0

package snapshotcache

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

type answer struct {
	Words  []string
	Number *int
}

var question = Question{FSID: "f", Pool: "p", ImageID: "i", SnapshotID: 4, Asked: "what is in it, 1"}

func open(t *testing.T) *Cache {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	return Open()
}

func (c *Cache) files(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(c.dir, "*"))
	hidden, err2 := filepath.Glob(filepath.Join(c.dir, ".*"))
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	return append(files, hidden...)
}

func TestAnswerIsKept(t *testing.T) {
	c := open(t)
	n := 3
	want := answer{[]string{"a", "b\xff<"}, &n}
	want.Words[1] = "b<&>\u2028" // what JSON writes otherwise
	var got answer
	if c.Get(question, &got) {
		t.Fatal("an answer to what was never asked")
	}
	if err := c.Put(question, want); err != nil {
		t.Fatal(err)
	}
	if !Open().Get(question, &got) || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, other := range []Question{
		{"F", "p", "i", 4, question.Asked}, {"f", "q", "i", 4, question.Asked}, {"f", "p", "j", 4, question.Asked},
		{"f", "p", "i", 5, question.Asked}, {"f", "p", "i", 4, "what is in it, 2"}, {},
	} {
		if c.Get(other, &got) {
			t.Errorf("%+v has the answer of %+v", other, question)
		}
	}
	fi, err := os.Stat(c.path(question))
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
}

// Whatever stands where an answer should be is no answer, and the next one takes
// its place.
func TestDamagedAnswer(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, path string) error{
		"empty":   func(_ *testing.T, path string) error { return os.WriteFile(path, nil, 0o600) },
		"no JSON": func(_ *testing.T, path string) error { return os.WriteFile(path, []byte("{\"Question\":"), 0o600) },
		"of another": func(_ *testing.T, path string) error {
			return os.WriteFile(path, []byte(`{"Question":{"FSID":"g"},"Answer":{}}`), 0o600)
		},
		"other fields": func(_ *testing.T, path string) error { return edit(path, `"Words":["a"]`, `"Words":"a"`) },
		"too large": func(_ *testing.T, path string) error {
			return edit(path, `"a"`, `"`+strings.Repeat("a", maxAnswer)+`"`)
		},
		"a symlink": func(t *testing.T, path string) error {
			other := filepath.Join(t.TempDir(), "other")
			if err := os.Rename(path, other); err != nil {
				return err
			}
			return os.Symlink(other, path)
		},
		"out of date": func(_ *testing.T, path string) error {
			old := time.Now().Add(-maxAge - time.Hour)
			return os.Chtimes(path, old, old)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t)
			if err := c.Put(question, answer{Words: []string{"a"}}); err != nil {
				t.Fatal(err)
			}
			if err := damage(t, c.path(question)); err != nil {
				t.Fatal(err)
			}
			var got answer
			if c.Get(question, &got) {
				t.Errorf("got %+v", got)
			}
			if err := c.Put(question, answer{Words: []string{"b"}}); err != nil {
				t.Fatal(err)
			}
			if !c.Get(question, &got) || got.Words[0] != "b" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func edit(path, from, to string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	changed := strings.Replace(string(text), from, to, 1)
	if changed == string(text) {
		return fmt.Errorf("%s is not in %s", from, text)
	}
	return os.WriteFile(path, []byte(changed), 0o600)
}

func TestTooLargeAnswer(t *testing.T) {
	c := open(t)
	if err := c.Put(question, answer{Words: []string{strings.Repeat("a", maxAnswer)}}); err == nil {
		t.Error("it was kept")
	}
	if left := c.files(t); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// The oldest go first, and only as many as must.
func TestCacheIsBounded(t *testing.T) {
	c := open(t)
	c.maxBytes = 3500
	put := func(id uint64, age time.Duration) Question {
		q := question
		q.SnapshotID = id
		if err := c.Put(q, answer{Words: []string{strings.Repeat("a", 1000)}}); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(c.path(q), at, at); err != nil {
			t.Fatal(err)
		}
		return q
	}
	ancient := put(1, maxAge+time.Hour)
	first := put(2, 3*time.Hour)
	second := put(3, 2*time.Hour)
	if _, err := os.Stat(c.path(ancient)); !os.IsNotExist(err) {
		t.Errorf("what is out of date is left: %v", err)
	}
	third, fourth := put(4, time.Hour), put(5, 0)
	for q, want := range map[Question]bool{first: false, second: true, third: true, fourth: true} {
		if got := c.Get(q, &answer{}); got != want {
			t.Errorf("snapshot %d is known: %t, not %t", q.SnapshotID, got, want)
		}
	}
}

// Without a folder that is the user's alone there is no cache, and no error.
func TestNoFolder(t *testing.T) {
	for name, base := range map[string]func(t *testing.T) string{
		"none":   func(*testing.T) string { return "relative" }, // UserCacheDir refuses it
		"a file": file,
		"a symlink": func(t *testing.T) string {
			base := t.TempDir()
			if err := os.MkdirAll(filepath.Join(base, "terraform-provider-rbd"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(t.TempDir(), filepath.Join(base, "terraform-provider-rbd", "snapshots")); err != nil {
				t.Fatal(err)
			}
			return base
		},
		"writable for all": func(t *testing.T) string {
			base := t.TempDir()
			dir := filepath.Join(base, "terraform-provider-rbd", "snapshots")
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			return base
		}, "below one that is": func(t *testing.T) string {
			base := t.TempDir()
			dir := filepath.Join(base, "terraform-provider-rbd")
			if err := os.MkdirAll(filepath.Join(dir, "snapshots"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			return base
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("XDG_CACHE_HOME", base(t))
			c := Open()
			if err := c.Put(question, answer{}); err != nil {
				t.Error(err)
			}
			if c.Get(question, &answer{}) {
				t.Error("it was kept")
			}
		})
	}
}

func file(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestManyAtOnce(t *testing.T) {
	c := open(t)
	c.maxBytes = 2000
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			q := question
			q.SnapshotID = uint64(i % 4)
			for range 20 {
				if err := c.Put(q, answer{Words: []string{strings.Repeat("a", 500)}}); err != nil {
					t.Error(err)
				}
				var got answer
				if c.Get(q, &got) && len(got.Words[0]) != 500 {
					t.Errorf("half an answer: %+v", got)
				}
			}
		})
	}
	all.Wait()
}
