// SPDX-License-Identifier: MPL-2.0

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
// Where it is not known what became of the DELETE, it is waited for, and not sent
// again: of two, the one that is carried out late could find the data when they
// are back in reach. See DeleteHeldRecord.
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
	return c.deleteRecord(ctx, id, false)
}

// DeleteHeldRecord is DeleteRecord where a DELETE that is carried out late, when
// all this is over, finds no data that it could remove: a v1 clone of the
// snapshot holds them, or they are an alias. It is sent again where it is not
// known what became of the first one.
func (c *Client) DeleteHeldRecord(ctx context.Context, id string) (DeleteOutcome, error) {
	return c.deleteRecord(ctx, id, true)
}

func (c *Client) deleteRecord(ctx context.Context, id string, held bool) (DeleteOutcome, error) {
	op := fmt.Sprintf("delete image %q", id)
	path, err := imagePath(id)
	if err != nil {
		return Undecided, fmt.Errorf("%s: %w", op, err)
	}
	p := &patience{cfg: c.cfg}
	var sent error // the failure of a DELETE that may still run
	for {
		outcome, err := c.beforeDelete(ctx, id, op)
		if outcome != Undecided {
			return outcome, nil
		}
		if err != nil {
			return Undecided, doubted(sent, err)
		}
		if sent == nil || held {
			err = c.do(p.in(ctx), request{op: op, method: http.MethodDelete, path: path, ok: []int{http.StatusNoContent}})
			if err == nil {
				return Gone, nil
			}
			outcome, err = c.afterDelete(ctx, id, err)
			if outcome != Undecided {
				return outcome, nil
			}
			if mayStillRun(err) {
				sent = err
			}
		}
		failed := err
		if failed == nil {
			failed = sent
		}
		if !ambiguous(failed) || errors.Is(failed, errUnread) || !p.wait(ctx, failed) {
			return Undecided, doubted(sent, p.tried(failed))
		}
	}
}

// errUnread: the look at a record after a failure has failed too.
var errUnread = errors.New("the record could not be read")

// doubted says that an earlier DELETE may still run.
func doubted(sent, err error) error {
	if sent == nil || errors.Is(err, ErrUndecided) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUndecided, err)
}

// beforeDelete gives the outcome where nothing is left to do, and an error where
// the record must not be deleted, or can't be read.
func (c *Client) beforeDelete(ctx context.Context, id, op string) (DeleteOutcome, error) {
	before, err := c.Get(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return Gone, nil
	case err != nil:
		return Undecided, err
	case before.Status == StatusDeleted:
		return HalfDeleted, nil
	}
	empty := before.Status == StatusQueued && len(before.Locations) == 0 && before.SizeBytes == 0
	if before.Status != StatusDeactivated && !empty {
		return Undecided, fmt.Errorf("%s: %w: its status is %q", op, ErrNotDeactivated, before.Status)
	}
	return Undecided, nil
}

// afterDelete says what a DELETE that failed has done.
func (c *Client) afterDelete(ctx context.Context, id string, err error) (DeleteOutcome, error) {
	var status *StatusError
	answered := errors.As(err, &status)
	if answered && (status.Code == http.StatusUnauthorized || status.Code == http.StatusForbidden || status.Code == http.StatusTooManyRequests) ||
		!answered && !ambiguous(err) {
		return Undecided, err
	}
	// Every other answer is taken for what the record shows: a 404 may be the
	// store's, a 409 or 5xx may have come after the deed.
	var after *Image
	_, getErr := c.look(ctx, func(ctx context.Context) (_ bool, err error) {
		after, err = c.Get(ctx, id)
		return err == nil, err
	})
	switch {
	case errors.Is(getErr, ErrNotFound):
		return Gone, nil
	case getErr != nil:
		return Undecided, fmt.Errorf("%w: %w; %w: %w", ErrUndecided, err, errUnread, getErr)
	case after.Status == StatusDeleted:
		return HalfDeleted, nil
	case mayStillRun(err):
		return Undecided, err
	case status.Code == http.StatusBadRequest && after.Status == StatusDeactivated:
		return DelayedDelete, nil
	case status.Code == http.StatusConflict:
		return InUse, nil
	}
	return Undecided, err
}
