package http1_test

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/internal/wire/http1"
)

// record is a Handler that keeps what it is told. rules are those of the
// responses, in order; the last one holds for all further ones.
type record struct {
	rules    []http1.BodyRule
	log      []string // one line per call
	heads    []head
	messages []http1.Message
	tunnel   int64 // offset, -1 if none
}

type head struct {
	http1.Head
	method, target string
	fields         []string // "name: value"
}

func (r *record) Head(h *http1.Head) http1.BodyRule {
	k := head{Head: *h, method: string(h.Method), target: string(h.Target)}
	for name, value := range h.Fields {
		k.fields = append(k.fields, string(name)+": "+string(value))
	}
	r.heads = append(r.heads, k)
	r.log = append(r.log, k.String())
	if i := len(r.heads) - 1; len(r.rules) > 0 {
		return r.rules[min(i, len(r.rules)-1)]
	}
	return http1.BodyNormal
}

func (h head) String() string {
	s := fmt.Sprintf("%d-%d %d HTTP/1.%d", h.Off, h.EndOff, h.Status, h.Minor)
	if h.Request {
		s = fmt.Sprintf("%d-%d %s %s HTTP/1.%d", h.Off, h.EndOff, h.method, h.target, h.Minor)
	}
	s += fmt.Sprintf(" length=%d", h.ContentLength)
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"chunked", h.Chunked}, {"close", h.Close}, {"upgrade", h.Upgrade},
		{"resync", h.Resync}, {"informational", h.Informational()},
	} {
		if f.set {
			s += " " + f.name
		}
	}
	return s + " [" + strings.Join(h.fields, "; ") + "]"
}

func (r *record) End(m *http1.Message) {
	r.messages = append(r.messages, *m)
	r.log = append(r.log, fmt.Sprintf("end %+v", *m))
}

func (r *record) Tunnel(off int64) {
	r.tunnel = off
	r.log = append(r.log, fmt.Sprintf("tunnel %d", off))
}

// An op is one call on a scanner: the text of a piece, or a hole.
type op struct {
	text string
	skip int64 // passed over as captured
	gap  int64 // passed over as missing
}

// run pushes ops through a new scanner and closes it. It obeys what the
// scanner does not want by cutting the next texts.
func run(r *record, start, fin bool, ops ...op) http1.Kind {
	var s http1.Scanner
	s.Reset(new(http1.Scratch), start)
	r.tunnel = -1
	var off, skip int64
	for _, o := range ops {
		switch {
		case o.gap > 0:
			s.Gap(off, o.gap, r)
			off += o.gap
			skip = max(skip-o.gap, 0)
		case o.skip > 0:
			s.Skip(off, o.skip, r)
			off += o.skip
		default:
			off, skip = feed(&s, r, off, skip, []byte(o.text))
		}
	}
	s.Close(off, fin, r)
	return s.Kind()
}

// feed pushes p as an assembler does: bytes not wanted come as a count.
func feed(s *http1.Scanner, r *record, off, skip int64, p []byte) (int64, int64) {
	if k := min(skip, int64(len(p))); k > 0 {
		s.Skip(off, k, r)
		off, skip, p = off+k, skip-k, p[k:]
	}
	if len(p) > 0 {
		q := bytes.Clone(p)
		skip = s.Feed(off, q, r)
		clear(q) // what the scanner kept of q would show
		off += int64(len(p))
	}
	return off, skip
}

func whole(text string) []op { return []op{{text: text}} }

// printOf returns the print of a whole body.
func printOf(body string) fingerprint.Print {
	var s fingerprint.Sampler
	s.Reset(int64(len(body)))
	s.Write([]byte(body))
	return s.Sum()
}
