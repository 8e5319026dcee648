// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The guide names each step that says how far it is, and no other; and each action.
func TestProgressGuide(t *testing.T) {
	guide := read(t, filepath.Join(top, "docs", "guides", "progress.md"))
	_, table, _ := strings.Cut(guide, "| line |")
	var named []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*`) \\|").FindAllStringSubmatch(table, -1) {
		for _, word := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			named = append(named, word[1])
		}
	}
	var started []string
	call := regexp.MustCompile(`(?:progress\.Start|[a-z]\.progress|c\.awaitTask)\(ctx, (?:[a-z.A-Z]*Log, |spec, )?"([^"]+)"`)
	if err := filepath.WalkDir(filepath.Join(top, "internal"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, m := range call.FindAllStringSubmatch(read(t, path), -1) {
			started = append(started, m[1])
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, all := range []*[]string{&named, &started} {
		slices.Sort(*all)
		*all = slices.Compact(*all)
	}
	if !slices.Equal(named, started) {
		t.Errorf("the guide has %q, the code %q", named, started)
	}
	for _, a := range registeredActions(t) {
		if !strings.Contains(guide, "| [`"+a.name+"`](../actions/"+filepath.Base(a.page())+") |") {
			t.Errorf("the guide lacks %s", a.name)
		}
	}
}
