// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"context"
	"errors"
	"net/http"
)

// Stores gives the IDs of the stores that the server offers; none where it does
// not have several backends on (enabled_backends).
//
// Similar to: `glance stores-info`.
func (c *Client) Stores(ctx context.Context) ([]string, error) {
	var answer struct {
		Stores []struct {
			ID string `json:"id"`
		} `json:"stores"`
	}
	err := c.do(ctx, request{op: "list the stores", method: http.MethodGet, path: "info/stores", into: &answer, ok: []int{http.StatusOK}})
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, s := range answer.Stores {
		ids = append(ids, s.ID)
	}
	return ids, nil
}
