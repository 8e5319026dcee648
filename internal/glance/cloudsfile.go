package glance

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
	"gopkg.in/yaml.v2"
)

// fromFile finds the cloud in clouds.yaml. The library's parser would do that
// by itself, but it says neither which file it read nor what is in there, and
// it panics at a cloud without credentials.
func fromFile(name string) (string, []clouds.ParseOption, error) {
	file, text, err := findCloudsFile()
	if err != nil {
		return "", nil, fmt.Errorf("%w (for cloud %q)", err, name)
	}
	all, err := parseClouds(file, text)
	if err != nil {
		return "", nil, err
	}
	cloud, ok := all.Clouds[name]
	if !ok {
		return "", nil, fmt.Errorf("%w: %q is not in %s, which has %s", ErrCloudNotFound, name, file, cloudNames(all))
	}
	source := fmt.Sprintf("cloud %q of %s", name, file)
	options := []clouds.ParseOption{
		clouds.WithCloudName(name),
		clouds.WithCloudsYAML(bytes.NewReader(text)),
	}
	hasAuth := cloud.AuthInfo != nil

	secureFile := filepath.Join(filepath.Dir(file), "secure.yaml")
	switch text, err := os.ReadFile(secureFile); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return "", nil, fmt.Errorf("%w: %w", ErrConfig, err)
	default:
		secure, err := parseClouds(secureFile, text)
		if err != nil {
			return "", nil, err
		}
		if cloud, ok := secure.Clouds[name]; ok {
			hasAuth = hasAuth || cloud.AuthInfo != nil
			options = append(options, clouds.WithSecureYAML(bytes.NewReader(text)))
		}
	}
	if !hasAuth {
		return "", nil, fmt.Errorf("%w: %s has no auth section", ErrConfig, source)
	}
	return source, options, nil
}

// findCloudsFile gives the name and content of the clouds.yaml that the
// openstack command would read.
func findCloudsFile() (string, []byte, error) {
	candidates := []string{os.Getenv("OS_CLIENT_CONFIG_FILE")}
	if candidates[0] == "" {
		candidates = []string{"clouds.yaml"}
		if dir, err := os.UserConfigDir(); err == nil {
			candidates = append(candidates, filepath.Join(dir, "openstack", "clouds.yaml"))
		}
		candidates = append(candidates, "/etc/openstack/clouds.yaml")
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

// parseClouds parses a clouds.yaml or secure.yaml. Of the parser's complaints
// only the line number is passed on, since they cite what stands there.
func parseClouds(file string, text []byte) (clouds.Clouds, error) {
	var all clouds.Clouds
	if err := yaml.Unmarshal(text, &all); err != nil {
		if line := yamlLine.FindStringSubmatch(err.Error()); line != nil {
			return all, fmt.Errorf("%w: %s is not a valid clouds file: see line %s", ErrConfig, file, line[1])
		}
		return all, fmt.Errorf("%w: %s is not a valid clouds file", ErrConfig, file)
	}
	return all, nil
}

func cloudNames(all clouds.Clouds) string {
	if len(all.Clouds) == 0 {
		return "no clouds"
	}
	names := make([]string, 0, len(all.Clouds))
	for name := range all.Clouds {
		names = append(names, fmt.Sprintf("%q", name))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
