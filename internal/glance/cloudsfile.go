// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"gopkg.in/yaml.v2"
)

// fromFile finds the cloud in clouds.yaml, with its profile and its secrets. The
// library's parser is not used: that fails at odd values of other clouds, knows
// neither regions nor the settings of the image service, and sends the password of
// any auth_type to Keystone.
func fromFile(name, region string) (b base, err error) {
	file, text, err := findCloudsFile()
	if err != nil {
		return b, fmt.Errorf("%w (for cloud %q)", err, name)
	}
	all, err := parseClouds(file, text, "clouds")
	if err != nil {
		return b, err
	}
	cloud, ok := all.mapping[name]
	if !ok {
		return b, fmt.Errorf("%w: %q is not in %s, which has %s", ErrCloudNotFound, name, file, cloudNames(all))
	}
	b.source, b.spell = fmt.Sprintf("cloud %q of %s", name, file), func(key string) string { return key }
	bad := func(err error) error { return fmt.Errorf("%w: %s: %w", ErrConfig, b.source, err) }
	if cloud.mapping == nil && (cloud.text != "" || cloud.list != nil) {
		return b, bad(errors.New("it is not a mapping"))
	}
	cloud = cloud.normalized()
	secureFile, secret, err := secrets(file, name)
	if err != nil {
		return b, err
	}
	if secret.mapping != nil {
		if cloud.mapping == nil {
			cloud.mapping = map[string]value{}
		}
		cloud = cloud.over(secret)
		b.source = fmt.Sprintf("cloud %q of %s and %s", name, file, secureFile)
	}
	if cloud, err = withProfile(file, cloud); err != nil {
		return b, bad(err)
	}
	if b.entry, err = entryOf(cloud, region); err != nil {
		return b, bad(err)
	}
	b.overridden()
	return b, nil
}

// secrets reads the cloud in secure.yaml: the file that OS_CLIENT_SECURE_FILE
// names, or else the one beside clouds.yaml.
func secrets(cloudsFile, name string) (file string, v value, err error) {
	file = os.Getenv("OS_CLIENT_SECURE_FILE")
	if file == "" {
		file = filepath.Join(filepath.Dir(cloudsFile), "secure.yaml")
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return file, v, nil
	}
	if err != nil {
		return file, v, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	all, err := parseClouds(file, text, "clouds")
	if err != nil {
		return file, v, err
	}
	v = all.mapping[name]
	if auth := v.mapping["auth"]; v.mapping == nil && !(v.isText() && v.text == "") || !auth.isText() && auth.mapping == nil || auth.text != "" {
		return file, v, fmt.Errorf("%w: cloud %q of %s is not a mapping with a mapping auth", ErrConfig, name, file)
	}
	return file, v.normalized(), nil
}

// withProfile puts a cloud over the profile that it names.
func withProfile(cloudsFile string, cloud value) (value, error) {
	profile, err := cloud.first("profile", "cloud")
	if err != nil || profile == "" {
		return cloud, err
	}
	dirs := append([]string{"."}, configDirs()...)
	for _, dir := range append(dirs, filepath.Dir(cloudsFile)) {
		file := filepath.Join(dir, "clouds-public.yaml")
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return cloud, err
		}
		all, err := parseClouds(file, text, "public-clouds")
		if err != nil {
			return cloud, err
		}
		found, ok := all.mapping[profile]
		if !ok || found.mapping == nil {
			return cloud, fmt.Errorf("its profile %q is not in %s", profile, file)
		}
		return found.normalized().over(cloud), nil
	}
	return cloud, fmt.Errorf("its profile %q is in no clouds-public.yaml, and those that the openstack command has built in are not known here: write out what it stands for", profile)
}

// configDirs are where the openstack command looks beside the working directory.
func configDirs() (dirs []string) {
	if dir, err := os.UserConfigDir(); err == nil {
		dirs = append(dirs, filepath.Join(dir, "openstack"))
	}
	return append(dirs, "/etc/xdg/openstack", "/etc/openstack")
}

// findCloudsFile gives the name and content of the clouds.yaml that the
// openstack command would read.
func findCloudsFile() (string, []byte, error) {
	candidates := []string{os.Getenv("OS_CLIENT_CONFIG_FILE")}
	if candidates[0] == "" {
		candidates = nil
		for _, dir := range append([]string{""}, configDirs()...) {
			for _, end := range []string{".yaml", ".yml", ".json"} {
				candidates = append(candidates, filepath.Join(dir, "clouds"+end))
			}
		}
	}
	for _, file := range candidates {
		text, err := os.ReadFile(file)
		if err == nil {
			if abs, err := filepath.Abs(file); err == nil {
				file = abs
			}
			return file, text, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
	}
	if os.Getenv("OS_CLIENT_CONFIG_FILE") != "" {
		return "", nil, fmt.Errorf("%w: OS_CLIENT_CONFIG_FILE names %s, which does not exist", ErrConfig, candidates[0])
	}
	return "", nil, fmt.Errorf("%w: there is no clouds.yaml: looked for %s", ErrConfig, strings.Join(candidates, ", "))
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

// parseClouds gives the mapping below a key of a clouds file. Of the parser's
// complaints only the line number is passed on, since they cite what stands there.
func parseClouds(file string, text []byte, key string) (value, error) {
	var all map[string]value
	if err := yaml.Unmarshal(text, &all); err != nil {
		if line := yamlLine.FindStringSubmatch(err.Error()); line != nil {
			return value{}, fmt.Errorf("%w: %s is not a valid clouds file: see line %s", ErrConfig, file, line[1])
		}
		return value{}, fmt.Errorf("%w: %s is not a valid clouds file", ErrConfig, file)
	}
	v := all[key]
	if v.list != nil || v.text != "" {
		return value{}, fmt.Errorf("%w: %s is not a valid clouds file: %s is not a mapping", ErrConfig, file, key)
	}
	return v, nil
}

func cloudNames(all value) string {
	if len(all.mapping) == 0 {
		return "no clouds"
	}
	names := all.keys()
	for i, name := range names {
		names[i] = fmt.Sprintf("%q", name)
	}
	return strings.Join(names, ", ")
}
