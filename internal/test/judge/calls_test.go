package judge

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/pcapmesh/pcapmesh/internal/test/truth"
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

// Exchanges that were read as HTTP/1.1 and are written as HTTP/2 say the same in both:
// each, followed by itself, is what an application wrote and read, and what its stream
// of HTTP/2 has of it.
func TestReencoded(t *testing.T) {
	n := 0
	each(t, func(t *testing.T, s *scene) {
		r := s.stitch(t, mesh.Options{})
		for i, p := range r.Paths {
			if p.Mode == flow.H11To2 {
				k, bad := s.reencoded(t, r, i)
				s.settle(t, "re-encoded", bad)
				n += k
			}
		}
	})
	if n == 0 {
		t.Error("nothing is re-encoded")
	}
	t.Logf("%d exchanges", n)
}

// reencoded holds the exchanges of one path, and returns how many there are.
func (s *scene) reencoded(t *testing.T, r *mesh.Result, path int) (n int, bad []string) {
	whole := new(stream)
	for c, err := range r.Follow(t.Context(), path, mesh.AllExchanges) {
		if err != nil {
			t.Fatal(err)
		}
		whole.flows[side(c.Reply)].add(c)
	}
	got := make(map[string]bool)
	for _, c := range whole.contents(t) {
		got[c] = true
	}
	written := newJudge(s.truth, r).written(r.Paths[path], false)
	if len(got) != len(written) {
		bad = append(bad, fmt.Sprintf("stream %d: %d exchanges, expected %d", path, len(got), len(written)))
	}
	for k := range r.Paths[path].Exchanges {
		one := new(stream)
		for c, err := range r.Follow(t.Context(), path, k) {
			if err != nil {
				break // not readable: not among those written
			}
			one.flows[side(c.Reply)].add(c)
		}
		if len(one.flows[0].data) == 0 {
			continue
		}
		n++
		if !slices.ContainsFunc(s.truth.Links, func(l truth.Link) bool {
			return l.ToRequest != nil && *l.ToRequest == one.flows[0].tally() && l.ToResponse != nil && *l.ToResponse == one.flows[1].tally()
		}) {
			bad = append(bad, fmt.Sprintf("stream %d, exchange %d: never was", path, k))
		}
		if c := one.content(t); !got[c] {
			bad = append(bad, fmt.Sprintf("stream %d, exchange %d: %.300q is not in the stream", path, k, c))
		}
	}
	guessed := make(map[spot]bool) // which exchange they are is in doubt, so that none has them
	for i := range r.Paths[path].Exchanges {
		for _, h := range r.Paths[path].Exchanges[i].Hops {
			if h.Caused {
				guessed[spotOf(&h)] = true
			}
		}
	}
	if n != len(written)-len(guessed) {
		bad = append(bad, fmt.Sprintf("stream %d: %d exchanges can be followed, expected %d and %d in doubt", path, n, len(written)-len(guessed), len(guessed)))
	}
	return n, bad
}

// content says what the one exchange of an HTTP/1.1 stream says.
func (s *stream) content(t *testing.T) string {
	t.Helper()
	q, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(s.flows[0].data)))
	if err != nil {
		t.Fatal(err)
	}
	a, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(s.flows[1].data)), q)
	if err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(q.Body)
	if err != nil {
		t.Fatal(err)
	}
	answered, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintln(q.Method, q.Host, q.RequestURI, q.Header.Get("x-request-id"), string(said), a.StatusCode, a.Header.Get("date"), a.Header.Get("x-app-instance"), string(answered), a.Trailer)
}

// contents says the same of the exchanges of an HTTP/2 stream.
func (s *stream) contents(t *testing.T) (all []string) {
	t.Helper()
	ask, err := read2(s.flows[0].data[len(http2.ClientPreface):])
	if err != nil {
		t.Fatal(err)
	}
	answer, err := read2(s.flows[1].data)
	if err != nil {
		t.Fatal(err)
	}
	for id, q := range ask {
		a := answer[id]
		if a == nil || !q.ended || !a.ended {
			t.Errorf("stream %d of HTTP/2 is not whole", id)
			continue
		}
		all = append(all, fmt.Sprintln(q.get(":method"), q.get(":authority"), q.get(":path"), q.get("x-request-id"), q.data,
			a.get(":status"), a.get("date"), a.get("x-app-instance"), a.data, a.trailer))
	}
	return all
}

// A message2 is a message of HTTP/2.
type message2 struct {
	fields, trailer http.Header
	data            string
	ended           bool
}

func (m *message2) get(name string) string { return strings.Join(m.fields[name], ",") }

// read2 reads the messages of one direction, by stream.
func read2(data []byte) (map[uint32]*message2, error) {
	out := make(map[uint32]*message2)
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
		id := frame.Header().StreamID
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			h := make(http.Header)
			for _, f := range frame.Fields {
				h[f.Name] = append(h[f.Name], f.Value)
			}
			if out[id] == nil {
				out[id] = &message2{fields: h}
			} else {
				out[id].trailer = h
			}
		case *http2.DataFrame:
			out[id].data += string(frame.Data())
		default:
			continue
		}
		out[id].ended = frame.Header().Flags.Has(http2.FlagDataEndStream)
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
