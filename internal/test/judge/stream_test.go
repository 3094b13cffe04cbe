package judge

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A tcpStream is one direction of a stream as somebody read it.
type tcpStream struct {
	data    []byte
	missing int64
}

// tally reduces a flow as the truth does.
func (f *tcpStream) tally() truth.Tally {
	sum := sha256.Sum256(f.data)
	return truth.Tally{Bytes: int64(len(f.data)), SHA256: hex.EncodeToString(sum[:])}
}

// differs says how a flow is not what the applications wrote; "" when it is.
// Of one that was not captured whole only the length is known.
func (f *tcpStream) differs(want truth.Tally, whole bool) string {
	if !whole {
		if n := int64(len(f.data)) + f.missing; n > want.Bytes {
			return fmt.Sprintf("%d bytes, %d of them missing, really %d", n, f.missing, want.Bytes)
		}
		return ""
	}
	if got := f.tally(); got != want || f.missing > 0 {
		return fmt.Sprintf("%d bytes (sha256 %.8s…) and %d missing, really %d (%.8s…)", got.Bytes, got.SHA256, f.missing, want.Bytes, want.SHA256)
	}
	return ""
}

// A stream is one TCP conversation: what the client sent and the server.
type stream struct {
	client, server string // as the packets name them
	flows          [2]tcpStream
}

// follow reads all paths of a result.
func follow(t testing.TB, r *mesh.Result) []*stream {
	t.Helper()
	var all []*stream
	for i, p := range r.Paths {
		s := &stream{client: p.Client.String(), server: p.Server.String()}
		for c, err := range r.Follow(t.Context(), i, mesh.AllExchanges) {
			if err != nil {
				t.Fatalf("path %d: %v", i, err)
			}
			s.flows[side(c.Reply)].add(c)
		}
		all = append(all, s)
	}
	return all
}

func side(reply bool) int {
	if reply {
		return 1
	}
	return 0
}

func (f *tcpStream) add(c mesh.Chunk) {
	f.data = append(f.data, c.Data...)
	f.missing += c.Missing
}

// A halfRead is one half with its bytes, as reassembly gives them.
type halfRead struct {
	*reassembly.Half
	id      reassembly.HalfID
	flow    tcpStream
	pieces  []piece
	written []int // by byte of flow.data: how often it stands in some stream
}

// A piece is the bytes that one packet brought.
type piece struct {
	ref  capture.Ref
	off  int   // in flow.data
	wire int64 // in the stream, gaps counted
	n    int
}

// A reading collects the bytes of all halves.
type reading struct {
	table *reassembly.Table
	halfs []*halfRead // by id, from 1
}

// readFile reads one capture file.
func readFile(t testing.TB, name string) *reading {
	t.Helper()
	return read(t, []mesh.Input{{Name: name}})
}

// read reads the captures of all pods together.
func read(t testing.TB, from []mesh.Input) *reading {
	t.Helper()
	var inputs []*capture.Input
	points := tcpip.NewPoints()
	for i, f := range from {
		in, err := capture.OpenInput(t.Context(), f.Name, &capture.Options{Input: uint32(i)})
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		points.Add(uint32(i), f.Pod)
		inputs = append(inputs, in)
	}
	g := &reading{table: new(reassembly.Table), halfs: []*halfRead{nil}}
	facts, err := reassembly.Index(t.Context(), inputs, points, g.table, g, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range facts.Inputs {
		if err := facts.Inputs[i].Err; err != nil {
			t.Errorf("%s: %v", from[i].Name, err)
		}
	}
	return g
}

// Open implements reassembly.Consumer.
func (g *reading) Open(h reassembly.HalfID, _ bool, _ reassembly.At) {
	g.halfs = append(g.halfs, &halfRead{Half: g.table.Half(h), id: h})
}

// Bind implements reassembly.Consumer.
func (g *reading) Bind(a, b reassembly.HalfID) {}

// Bytes implements reassembly.Consumer.
func (g *reading) Bytes(at reassembly.At, p []byte) int64 {
	h := g.halfs[at.Half]
	h.pieces = append(h.pieces, piece{at.Ref, len(h.flow.data), at.Off, len(p)})
	h.flow.data = append(h.flow.data, p...)
	return 0
}

// Skip implements reassembly.Consumer.
func (g *reading) Skip(reassembly.At, int64) {}

// Gap implements reassembly.Consumer.
func (g *reading) Gap(at reassembly.At, n int64, _ reassembly.GapKind, _ capture.Ref) {
	g.halfs[at.Half].flow.missing += n
}

// Close implements reassembly.Consumer.
func (g *reading) Close(reassembly.HalfID, reassembly.End, reassembly.At) {}

// streams pairs the halves of a stitched capture and numbers the conversations
// by their first packets, as Wireshark does.
func (g *reading) streams() []*stream {
	type numbered struct {
		*stream
		first uint32
	}
	var all []numbered
	for _, h := range g.halfs[1:] {
		var p *halfRead
		if h.Partner != 0 {
			p = g.halfs[h.Partner]
		}
		if p != nil && p.First.Packet < h.First.Packet || g.stray(h) && (p == nil || g.stray(p)) {
			continue
		}
		t := h.Key.Tuple()
		s := &stream{client: t.Src.String(), server: t.Dst.String(), flows: [2]tcpStream{h.flow, {}}}
		if p != nil {
			s.flows[1] = p.flow
		}
		all = append(all, numbered{s, h.First.Packet})
	}
	slices.SortFunc(all, func(a, b numbered) int { return cmp.Compare(a.first, b.first) })
	var out []*stream
	for _, s := range all {
		out = append(out, s.stream)
	}
	return out
}

// stray reports whether h only carries on an earlier conversation at another
// interface, without a byte: Wireshark does not look at interfaces.
func (g *reading) stray(h *halfRead) bool {
	return !h.SYN && h.Bytes == 0 && slices.ContainsFunc(g.halfs[1:h.id], func(e *halfRead) bool {
		return e.Key.Tuple() == h.Key.Tuple() || e.Key.Tuple() == h.Key.Tuple().Reverse()
	})
}

// toward turns s so that its client is the given one, if it is an end of s.
func (s *stream) toward(client, server string) *stream {
	if s.client == server && s.server == client && client != server {
		return &stream{client, server, [2]tcpStream{s.flows[1], s.flows[0]}}
	}
	return s
}

// same compares two readings of what should be one stream.
func (s *stream) same(o *stream) string {
	if s.client != o.client || s.server != o.server {
		return fmt.Sprintf("%s > %s, expected %s > %s", o.client, o.server, s.client, s.server)
	}
	for d, name := range [2]string{"sent", "received"} {
		a, b := &s.flows[d], &o.flows[d]
		if !slices.Equal(a.data, b.data) {
			return fmt.Sprintf("%s: %d bytes, expected %d, equal up to %d", name, len(b.data), len(a.data), common(a.data, b.data))
		}
	}
	return ""
}

func common(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
