// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What keeps a location from being added, besides ErrLocationsDisabled.
var (
	// ErrLocationsOff: the API server that answered has show_multiple_locations
	// off. It also matches ErrLocationsDisabled.
	ErrLocationsOff = errors.New("show_multiple_locations is off")
	// ErrNotGuarded: only the newer Location API could add the location, and it
	// removes the data where it fails half-way.
	ErrNotGuarded = errors.New("the newer Location API of Glance removes data that is not guarded")
	// ErrImport: Glance took the location and then failed with it.
	ErrImport = errors.New("Glance could not import the location")
)

// roleService is who may use the newer Location API.
const roleService = "service"

// locationAPI is the version that has it: Glance 2024.2.
var locationAPI = [2]int{2, 17}

// Register adds the location to a queued record that has its formats, by
// whichever API the server and the caller's roles allow, and waits until the
// record is active. PATCH (AddLocation) is preferred. The newer POST
// …/locations is for servers where show_multiple_locations is off, and a caller
// with the role service.
//
// With POST, Glance removes the data of the location when it fails half-way.
// guarded says that a v1 clone of the snapshot prevents this, or that the
// location is a copy; without, POST is not used. It is never given hashes, as a
// wrong one is such a failure; instead Glance counts them by itself
// (do_secure_hash), which is waited for where validation is not nil. It has no
// metadata either: Glance finds the store by the URL.
//
// Errors are those of AddLocation, ErrNotGuarded and ErrImport.
//
// Similar to: `glance location-add`, `glance add-location-properties`.
func (c *Client) Register(ctx context.Context, id, url string, metadata map[string]string, validation *ValidationData, guarded bool) (*Image, error) {
	img, err := c.AddLocation(ctx, id, url, metadata, validation)
	// Of several API servers behind one address, the one that answered may have
	// the option off, and the next one on.
	for n := 0; n < 3 && errors.Is(err, ErrLocationsDisabled) && c.mayPatch(ctx, id); n++ {
		img, err = c.AddLocation(ctx, id, url, metadata, validation)
	}
	if !errors.Is(err, ErrLocationsOff) {
		return img, err
	}
	there, versionErr := c.hasLocationAPI(ctx)
	switch who, callerErr := c.Caller(ctx); {
	case versionErr != nil:
		return nil, versionErr
	case callerErr != nil:
		return nil, callerErr
	case !there:
		return nil, fmt.Errorf("%w; this Glance is older than 2024.2 and has no other way", err)
	case !slices.Contains(who.Roles, roleService):
		return nil, fmt.Errorf("%w; or its newer Location API, which wants role %q: user %q has the roles %q in project %q",
			err, roleService, who.UserName, who.Roles, who.ProjectName)
	case !guarded:
		return nil, fmt.Errorf("%w where it fails half-way: %w", ErrNotGuarded, err)
	}
	return c.postLocation(ctx, id, url, validation != nil)
}

// mayPatch says that by default the policy lets the caller add locations.
func (c *Client) mayPatch(ctx context.Context, id string) bool {
	who, err := c.Caller(ctx)
	if err != nil {
		return false
	}
	img, err := c.Get(ctx, id)
	return err == nil && (img.Owner == who.ProjectID || slices.Contains(who.Roles, "admin"))
}

func (c *Client) postLocation(ctx context.Context, id, url string, hashes bool) (*Image, error) {
	op := fmt.Sprintf("add a location to image %q (POST)", id)
	path, err := imagePath(id, "locations")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	img, err := c.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if img.DiskFormat == "" || img.ContainerFormat == "" {
		// Glance would find that out after it took the location, and remove the data.
		return nil, fmt.Errorf("%s: %w: it has no disk_format or container_format", op, ErrBadRequest)
	}
	p := &patience{cfg: c.cfg}
	for {
		err := c.do(p.in(ctx), request{
			op: op, method: http.MethodPost, path: path, body: map[string]string{"url": url}, ok: []int{http.StatusAccepted},
		})
		switch {
		case err == nil:
			return c.waitActive(ctx, id, hashes, nil)
		case errors.Is(err, ErrForbidden):
			return nil, fmt.Errorf("%w: Glance's policy add_image_location does not allow it to the caller, or to role %q: %w", ErrLocationsDisabled, roleService, err)
		case !errors.Is(err, ErrConflict) && !ambiguous(err):
			return nil, p.tried(err)
		}
		// An earlier request may be at work, or this one. Where none is, it may be
		// asked for again: if both came through, the second would be a conflict.
		img, err := c.waitActive(ctx, id, hashes, err)
		if err == nil || !ambiguous(err) || !p.wait(ctx, err) {
			return img, p.tried(err)
		}
		if now, getErr := c.Get(ctx, id); getErr != nil || now.Status != StatusQueued {
			return img, err
		}
	}
}

// task is what Glance tells of the work on an image.
type task struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Message string `json:"message"`
}

func (t task) runs() bool { return t.Status == "pending" || t.Status == "processing" }

// tasks lists those of a type that Glance had for a record, the last one first.
func (c *Client) tasks(ctx context.Context, id, kind string) ([]task, error) {
	path, err := imagePath(id, "tasks")
	if err != nil {
		return nil, err
	}
	var answer struct {
		Tasks []task `json:"tasks"`
	}
	err = c.do(ctx, request{
		op: fmt.Sprintf("list the tasks of image %q", id), method: http.MethodGet, path: path, into: &answer, ok: []int{http.StatusOK},
	})
	return slices.DeleteFunc(answer.Tasks, func(t task) bool { return t.Type != kind }), err
}

// waitActive follows the import of a location. doubt is why it is not known
// whether there is one.
func (c *Client) waitActive(ctx context.Context, id string, hashes bool, doubt error) (*Image, error) {
	for {
		// The tasks first: a record read before its task has ended may be an old one.
		tasks, err := c.tasks(ctx, id, "location_import")
		if err != nil {
			return nil, undecided(doubt, err)
		}
		img, err := c.Get(ctx, id)
		if err != nil {
			return nil, undecided(doubt, err)
		}
		running := slices.ContainsFunc(tasks, task.runs)
		switch {
		case img.Status == StatusActive && (!hashes || img.HashValue != "" || !running):
			return img, nil
		case running:
		case doubt != nil:
			return nil, settle(doubt, nil, false)
		case img.Status == StatusQueued || img.Status == StatusImporting:
			return nil, fmt.Errorf("%w: its status is %q: %s", ErrImport, img.Status, messages(tasks))
		default:
			return nil, fmt.Errorf("%w: its status is %q", ErrImport, img.Status)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: image %q has status %q: %w", ErrUndecided, id, img.Status, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func undecided(doubt, err error) error {
	if doubt != nil {
		return fmt.Errorf("%w: %w; then %w", ErrUndecided, doubt, err)
	}
	return fmt.Errorf("%w: %w", ErrUndecided, err)
}

func messages(tasks []task) string {
	for _, t := range tasks {
		if t.Message != "" {
			return excerpt([]byte(t.Message), nil)
		}
	}
	return "it does not say why; see its log"
}

// fetchLocations reads the locations of a record that shows none, for a caller
// with the role service.
func (c *Client) fetchLocations(ctx context.Context, img *Image) error {
	if img.LocationsVisible || img.DirectURL != "" || img.Status != StatusActive {
		return nil
	}
	who, err := c.Caller(ctx)
	if err != nil || !slices.Contains(who.Roles, roleService) {
		return err
	}
	if there, err := c.hasLocationAPI(ctx); err != nil || !there {
		return err
	}
	path, err := imagePath(img.ID, "locations")
	if err != nil {
		return err
	}
	var answer []wireLocation
	err = c.do(ctx, request{
		op: fmt.Sprintf("get the locations of image %q", img.ID), method: http.MethodGet, path: path, into: &answer, ok: []int{http.StatusOK},
	})
	if errors.Is(err, ErrForbidden) {
		return nil // by policy, as it would be without the role
	}
	for _, l := range answer {
		img.Locations = append(img.Locations, Location{URL: l.URL, Metadata: stringMap(l.Metadata)})
	}
	return err
}

// WhyHidden says what keeps the caller from seeing the locations of an active
// record that shows none.
func (c *Client) WhyHidden(ctx context.Context) string {
	why := "in Glance the options show_multiple_locations and show_image_direct_url are both off, or policy get_image_location is against it"
	who, err := c.Caller(ctx)
	there, versionErr := c.hasLocationAPI(ctx)
	if err == nil && versionErr == nil && there && !slices.Contains(who.Roles, roleService) {
		why += fmt.Sprintf("; its newer Location API would tell a user with role %q, which %q is not", roleService, who.UserName)
	}
	return why
}

// hasLocationAPI asks the server for its versions, once.
//
// Similar to: `openstack versions show --service image`.
func (c *Client) hasLocationAPI(ctx context.Context) (bool, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return false, err
	}
	if v := conn.version.Load(); v != nil {
		return slices.Compare(v[:], locationAPI[:]) >= 0, nil
	}
	v, err := conn.newest(ctx)
	if err != nil {
		return false, err
	}
	conn.version.Store(&v)
	return slices.Compare(v[:], locationAPI[:]) >= 0, nil
}

func (conn *connection) newest(ctx context.Context) (newest [2]int, err error) {
	var answer struct {
		Versions []struct {
			ID string `json:"id"`
		} `json:"versions"`
	}
	err = conn.send(ctx, request{
		op: "get the versions of Glance", method: http.MethodGet, address: conn.sc.Endpoint, into: &answer,
		ok: []int{http.StatusMultipleChoices, http.StatusOK},
	})
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return newest, fmt.Errorf("%w: %w", ErrNotGlance, err)
	}
	for _, v := range answer.Versions {
		major, minor, _ := strings.Cut(strings.TrimPrefix(v.ID, "v"), ".")
		a, errA := strconv.Atoi(major)
		b, errB := strconv.Atoi(minor)
		if this := [2]int{a, b}; errA == nil && errB == nil && slices.Compare(this[:], newest[:]) > 0 {
			newest = this
		}
	}
	return newest, err
}
