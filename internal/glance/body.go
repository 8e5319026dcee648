// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"encoding/json"
	"html"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxBody bounds what is kept of an answer's message, in bytes.
const maxBody = 400

var (
	// markup is dropped with its content where that repeats the status code.
	markup = regexp.MustCompile(`(?is)<head.*?</head>|<h1.*?</h1>|<[^>]*>`)
	spaces = regexp.MustCompile(`\s+`)
)

// excerpt makes one line of plain text of the body of an error answer. Glance
// answers with HTML or, as we ask for it, with JSON that holds bits of HTML;
// Keystone with another JSON; a proxy with whatever it has.
func excerpt(body []byte, secrets []string) string {
	text := string(body)
	var doc struct {
		Message string `json:"message"`
		Error   struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &doc) == nil {
		if doc.Message != "" {
			text = doc.Message
		} else if doc.Error.Message != "" {
			text = doc.Error.Message
		}
	}
	text = html.UnescapeString(markup.ReplaceAllString(text, " "))
	text = strings.TrimSpace(spaces.ReplaceAllString(text, " "))
	text = scrub(text, secrets)
	if len(text) > maxBody {
		cut := maxBody
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	return strings.ToValidUTF8(text, "?")
}

// scrub takes secrets out of a text that a server wrote: one that repeats the
// request in its complaint must not bring a password into a log.
func scrub(text string, secrets []string) string {
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	return text
}
