// SPDX-License-Identifier: MPL-2.0

package acctest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ceph/go-ceph/rados"
)

// PoolRecords is all that the OSDs have of the images and groups of a pool whose names
// have a prefix, in the trash too: what the directories, headers and object maps say,
// and when each object was written last. In a namespace all are meant.
func PoolRecords(t testing.TB, pool, namespace, prefix string) map[string]string {
	t.Helper()
	out := map[string]string{}
	conn, err := connection()
	if err == nil {
		err = withPool(conn, pool, namespace, func(ioctx *rados.IOContext) error { return poolRecords(ioctx, prefix, out) })
	}
	if err != nil {
		t.Fatalf("read %s/%s: %v", pool, namespace, err)
	}
	return out
}

func withPool(conn *rados.Conn, pool, namespace string, fn func(*rados.IOContext) error) error {
	ioctx, err := conn.OpenIOContext(pool)
	if err != nil {
		return err
	}
	defer ioctx.Destroy()
	ioctx.SetNamespace(namespace)
	return fn(ioctx)
}

// directories name what is in a pool.
var directories = []string{"rbd_directory", "rbd_trash", "rbd_group_directory", "rbd_children", "rbd_namespace"}

func poolRecords(ioctx *rados.IOContext, prefix string, out map[string]string) error {
	words := []string{prefix}
	for _, d := range directories {
		all, err := omap(ioctx, d)
		if err != nil {
			return err
		}
		for k, v := range all {
			if !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(k+v, w) }) {
				continue
			}
			out[d+" "+k] = v
			// Values begin with their length.
			if id, ok := strings.CutPrefix(k, "id_"); ok {
				words = append(words, id)
			} else if d == "rbd_group_directory" && strings.HasPrefix(k, "name_") && len(v) > 4 {
				words = append(words, v[4:])
			}
		}
	}
	iter, err := ioctx.Iter()
	if err != nil {
		return err
	}
	defer iter.Close()
	for iter.Next() {
		name := iter.Value()
		if slices.Contains(directories, name) || !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(name, w) }) {
			continue
		}
		all, err := omap(ioctx, name)
		if err != nil {
			return err
		}
		for k, v := range all {
			out[name+" "+k] = v
		}
		if strings.HasPrefix(name, "rbd_data.") {
			stat, err := ioctx.Stat(name)
			if err != nil {
				return err
			}
			out[name] = fmt.Sprint(stat.Size, stat.ModTime)
		}
	}
	return iter.Err()
}

func omap(ioctx *rados.IOContext, object string) (map[string]string, error) {
	const atOnce = 1000
	all, err := ioctx.GetAllOmapValues(object, "", "", atOnce)
	if errors.Is(err, rados.ErrNotFound) {
		return nil, nil //nolint:nilnil // nothing is in it
	}
	out := map[string]string{}
	for k, v := range all {
		out[k] = string(v)
	}
	return out, err
}
