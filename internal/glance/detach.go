package glance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Destroying a record makes Glance delete the data of its locations, even data
// that it did not write. Whoever wants to keep the data takes these steps, with
// the Ceph side of it in between:
//
//	Unprotect → Deactivate → (the data is put out of Glance's reach) → DeleteRecord
//
// Deactivating first matters in two ways. With delayed_delete a record that is
// active is deleted with 204 while its data goes minutes or hours later; one
// that is deactivated cannot go that way, and Glance says so without a change.
// And Glance hides the locations of a deactivated record from everybody but an
// admin, from its own DELETE too: for such a caller the record goes and the
// data stays. See Image.DeleteKeepsData.

// DeleteOutcome says what became of a record.
type DeleteOutcome int

const (
	// Undecided comes with an error.
	Undecided DeleteOutcome = iota
	// Gone: there is no such record (any more), and nothing is left to be done
	// later by Glance.
	Gone
	// DelayedDelete: the server has delayed_delete on. The record is there,
	// deactivated, and nothing is scheduled.
	DelayedDelete
	// InUse: the store refused (409). The record is there, deactivated. The
	// data is intact if a v1 clone of the registered snapshot was the reason;
	// if it was another snapshot or a watcher, Glance has removed the
	// registered snapshot before it found out.
	InUse
	// HalfDeleted: the record is there with StatusDeleted, for good. What had
	// to be done with the data is done; only the operator of Glance can take
	// the record out of the database.
	HalfDeleted
)

func (o DeleteOutcome) String() string {
	switch o {
	case Gone:
		return "gone"
	case DelayedDelete:
		return "delayed delete"
	case InUse:
		return "in use"
	case HalfDeleted:
		return "half deleted"
	}
	return "undecided"
}

// DeleteKeepsData says that a DELETE by this caller removes the record alone.
// It is for a record read after Deactivate: Glance shows it without its
// locations to a caller who is no admin, and deletes what it shows. False
// means that the data would be removed, or that it cannot be told since the
// server shows locations to nobody.
func (i *Image) DeleteKeepsData() bool {
	return i.Status == StatusDeactivated && i.LocationsVisible && len(i.Locations) == 0
}

// Unprotect clears the record's protection against deletion, if it is set. A
// record that does not exist is ErrNotFound; other errors are Update's.
//
// Similar to: `glance image-update --protected False`.
func (c *Client) Unprotect(ctx context.Context, id string) error {
	no := false
	_, err := c.Update(ctx, id, Changes{Protected: &no})
	return err
}

// DeleteRecord deletes a record that is deactivated, or that never had data.
// For an admin, Glance removes the data of its locations first, so this is for
// a caller that has put them out of reach, or wants that.
//
// An error leaves the outcome Undecided and is one of: ErrNotDeactivated and
// ErrForbidden (protected, or by policy), and nothing has happened; ErrServer,
// the record is still there, but Glance may have got part of the way with the
// data; ErrUndecided, no answer came and the record is still there or cannot be
// read: Glance may be at work on it, so nothing must be put back in its reach
// until a later look finds it gone, or this function returns without an error.
//
// Similar to: `glance image-delete`.
func (c *Client) DeleteRecord(ctx context.Context, id string) (DeleteOutcome, error) {
	op := fmt.Sprintf("delete image %q", id)
	path, err := imagePath(id)
	if err != nil {
		return Undecided, fmt.Errorf("%s: %w", op, err)
	}
	before, err := c.Get(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return Gone, nil
	}
	if err != nil {
		return Undecided, err
	}
	if before.Status == StatusDeleted {
		return HalfDeleted, nil
	}
	empty := before.Status == StatusQueued && len(before.Locations) == 0 && before.SizeBytes == 0
	if before.Status != StatusDeactivated && !empty {
		return Undecided, fmt.Errorf("%s: %w: its status is %q", op, ErrNotDeactivated, before.Status)
	}

	err = c.do(ctx, request{op: op, method: http.MethodDelete, path: path, ok: []int{http.StatusNoContent}})
	if err == nil {
		return Gone, nil
	}
	var status *StatusError
	answered := errors.As(err, &status)
	if answered && (status.Code == http.StatusUnauthorized || status.Code == http.StatusForbidden) ||
		!answered && !ambiguous(err) {
		return Undecided, err
	}
	// Every other answer is taken for what the record shows: a 404 may be the
	// store's, a 409 or 5xx may have come after the deed.
	ctx, cancel := c.deciding(ctx)
	defer cancel()
	after, getErr := c.Get(ctx, id)
	switch {
	case errors.Is(getErr, ErrNotFound):
		return Gone, nil
	case getErr != nil:
		return Undecided, fmt.Errorf("%w: %w; then %w", ErrUndecided, err, getErr)
	case after.Status == StatusDeleted:
		return HalfDeleted, nil
	case mayStillRun(err):
		return Undecided, fmt.Errorf("%w: %w; the record is still there", ErrUndecided, err)
	case status.Code == http.StatusBadRequest && after.Status == StatusDeactivated:
		return DelayedDelete, nil
	case status.Code == http.StatusConflict:
		return InUse, nil
	}
	return Undecided, err
}
