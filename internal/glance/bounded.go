// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

const (
	// maxAnswer bounds one answer of Keystone or Glance, in bytes, after
	// decompression. A page of 500 records with long properties has a few MiB, a
	// catalogue less.
	maxAnswer = 64 << 20
	// maxRefusal bounds the text of a refusal, of which maxBody bytes are shown.
	maxRefusal = 1 << 20
	// maxHeader bounds the header of an answer, in bytes.
	maxHeader = 1 << 20
	// maxList bounds all pages of a list together, in bytes.
	maxList = 4 * maxAnswer
	// maxListed bounds the records of a list: more are in no cloud, and the list is
	// held in memory.
	maxListed = 100_000
)

// errTooLong says that a server answered with more than any answer needs.
var errTooLong = errors.New("the answer is too long")

// bounded ends answers at their limit, before more of them is used.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		resp.Body = body{io.LimitReader(resp.Body, maxRefusal), resp.Body}
		return resp, nil
	}
	left := listBudget(req.Context())
	if left == nil {
		left = new(int64)
		*left = maxAnswer
	}
	limit := min(maxAnswer, *left)
	resp.Body = body{&counted{resp.Body, limit, limit, left}, resp.Body}
	return resp, nil
}

type body struct {
	io.Reader
	io.Closer
}

// counted gives an error in place of what is too much.
type counted struct {
	io.Reader
	left, limit int64
	budget      *int64 // of all pages together
}

func (c *counted) Read(b []byte) (int, error) {
	if int64(len(b)) > c.left+1 {
		b = b[:c.left+1] // one more tells whether it is the end
	}
	n, err := c.Reader.Read(b)
	if int64(n) > c.left {
		return 0, fmt.Errorf("%w: more than %d bytes", errTooLong, c.limit)
	}
	c.left -= int64(n)
	*c.budget -= int64(n)
	return n, err
}

type budgetKey struct{}

// asList has the answers to requests with this context count together, which are
// sent one after the other.
func asList(ctx context.Context) context.Context {
	left := new(int64)
	*left = maxList
	return context.WithValue(ctx, budgetKey{}, left)
}

func listBudget(ctx context.Context) *int64 {
	left, _ := ctx.Value(budgetKey{}).(*int64)
	return left
}
