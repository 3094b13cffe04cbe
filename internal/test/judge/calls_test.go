package judge

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// A call is an exchange as a stream shows it.
type call struct{ id, method, target, status string }

// multiplexed reports whether a leg of the path is HTTP/2 that can be read.
func multiplexed(r *mesh.Result, p *flow.Path) bool {
	return slices.ContainsFunc(p.Legs, func(id int) bool { return r.Legs[id].Protocol == flow.ProtocolHTTP2 })
}

// Exchanges of HTTP/2 connections that several clients share are written as
// connections of their own, in valid HTTP/2; every exchange stands in one
// stream, once, with its own response.
func TestCalls(t *testing.T) {
	each(t, func(t *testing.T, s *scene) { s.holdCalls(t) })
}

func (s *scene) holdCalls(t *testing.T) {
	for _, near := range []bool{false, true} {
		r := s.stitch(t, mesh.Options{NearServer: near})
		if !slices.ContainsFunc(r.Paths, func(p *flow.Path) bool { return multiplexed(r, p) }) {
			t.Skip("no HTTP/2 that can be read")
		}
		var calls []call
		var bad []string
		for i, f := range follow(t, r) {
			got, err := f.calls()
			if err != nil {
				bad = append(bad, fmt.Sprintf("stream %d: %v", i, err))
			}
			calls = append(calls, got...)
		}
		s.settle(t, fmt.Sprint("calls, near server ", near), append(bad, s.miscounted(calls)...))
	}
}

// miscounted lists exchanges of the truth that do not stand once among the
// calls.
func (s *scene) miscounted(calls []call) (bad []string) {
	n := make(map[call]int)
	for _, c := range calls {
		n[c]++
	}
	seen := make(map[call]bool)
	for i := range s.truth.Links {
		l := &s.truth.Links[i]
		c := call{l.RequestID, l.Method, l.Target, fmt.Sprint(l.Status)}
		if n[c] != 1 && !seen[c] {
			bad = append(bad, fmt.Sprintf("%v stands in %d places", c, n[c]))
		}
		seen[c] = true
	}
	for c := range n {
		if !seen[c] {
			bad = append(bad, fmt.Sprintf("%v never was", c))
		}
	}
	slices.Sort(bad)
	return bad
}

// calls reads the exchanges of a stream: of HTTP/2, or of HTTP/1.1 where that
// is what can be read. A TLS stream has none.
func (s *stream) calls() ([]call, error) {
	switch {
	case bytes.HasPrefix(s.flows[0].data, []byte(http2.ClientPreface)):
		return s.calls2()
	case bytes.HasPrefix(s.flows[0].data, []byte{22, 3}):
		return nil, nil
	}
	return s.calls1()
}

func (s *stream) calls1() (out []call, err error) {
	req, res := bufio.NewReader(bytes.NewReader(s.flows[0].data)), bufio.NewReader(bytes.NewReader(s.flows[1].data))
	for {
		q, err := http.ReadRequest(req)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		a, err := http.ReadResponse(res, q)
		if err != nil {
			return out, err
		}
		for _, body := range []io.Reader{q.Body, a.Body} {
			if _, err := io.Copy(io.Discard, body); err != nil {
				return out, err
			}
		}
		out = append(out, call{q.Header.Get("x-request-id"), q.Method, q.RequestURI, fmt.Sprint(a.StatusCode)})
	}
}

func (s *stream) calls2() ([]call, error) {
	requests, err := heads(s.flows[0].data[len(http2.ClientPreface):])
	if err != nil {
		return nil, fmt.Errorf("requests: %w", err)
	}
	responses, err := heads(s.flows[1].data)
	if err != nil {
		return nil, fmt.Errorf("responses: %w", err)
	}
	var out []call
	for id, q := range requests {
		c := call{method: q.PseudoValue("method"), target: q.PseudoValue("path")}
		for _, f := range q.RegularFields() {
			if f.Name == "x-request-id" {
				c.id = f.Value
			}
		}
		if a := responses[id]; a != nil {
			c.status = a.PseudoValue("status")
		}
		out = append(out, c)
	}
	return out, nil
}

// heads reads the header blocks that begin messages, by stream.
func heads(data []byte) (map[uint32]*http2.MetaHeadersFrame, error) {
	out := make(map[uint32]*http2.MetaHeadersFrame)
	f := http2.NewFramer(io.Discard, bytes.NewReader(data))
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	for {
		frame, err := f.ReadFrame()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if h, ok := frame.(*http2.MetaHeadersFrame); ok && out[h.StreamID] == nil {
			kept := *h
			kept.Fields = slices.Clone(h.Fields)
			out[h.StreamID] = &kept
		}
	}
}
