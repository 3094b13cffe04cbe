package reassembly_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A recorder writes the events of every half as text, and checks what a
// Consumer may rely on: one Open first, offsets without holes, nothing after
// Close. Bytes of one packet in a row are written as one event.
type recorder struct {
	t      testing.TB
	halves map[reassembly.HalfID]*record
	binds  []string
	skip   func(at reassembly.At, p []byte) int64 // nil: none
}

type record struct {
	log    strings.Builder
	bytes  strings.Builder // delivered bytes; '~' per skipped, '.' per lost, '#' per cut byte
	off    int64
	opened bool
	closed bool
}

func newRecorder(t testing.TB) *recorder {
	return &recorder{t: t, halves: map[reassembly.HalfID]*record{}}
}

// at checks an event's place and returns the half's record.
func (r *recorder) at(at reassembly.At, n int64) *record {
	r.t.Helper()
	h := r.halves[at.Half]
	if h == nil || !h.opened || h.closed {
		r.t.Fatalf("event of half %d outside Open and Close", at.Half)
	}
	if at.Off != h.off || n < 0 {
		r.t.Fatalf("half %d: event at offset %d of %d bytes, want offset %d", at.Half, at.Off, n, h.off)
	}
	h.off += n
	return h
}

func (r *recorder) Open(id reassembly.HalfID, syn bool, at reassembly.At) {
	if r.halves[id] != nil {
		r.t.Fatalf("half %d opened twice", id)
	}
	h := &record{opened: true}
	r.halves[id] = h
	fmt.Fprintf(&h.log, "open syn=%v packet %d @%d\n", syn, at.Ref.Packet, at.Time)
}

func (r *recorder) Bind(a, b reassembly.HalfID) {
	if r.halves[a] == nil || r.halves[b] == nil {
		r.t.Fatalf("bound %d and %d before both were opened", a, b)
	}
	r.binds = append(r.binds, fmt.Sprintf("%d<-%d", a, b))
}

func (r *recorder) Bytes(at reassembly.At, p []byte) int64 {
	h := r.at(at, int64(len(p)))
	if len(p) == 0 {
		r.t.Fatalf("half %d: empty Bytes", at.Half)
	}
	fmt.Fprintf(&h.log, "bytes %d+%d packet %d ack %d @%d %q\n", at.Off, len(p), at.Ref.Packet, at.Ack, at.Time, p)
	h.bytes.Write(p)
	if r.skip == nil {
		return 0
	}
	return r.skip(at, p)
}

func (r *recorder) Skip(at reassembly.At, n int64) {
	h := r.at(at, n)
	fmt.Fprintf(&h.log, "skip %d+%d packet %d ack %d @%d\n", at.Off, n, at.Ref.Packet, at.Ack, at.Time)
	h.bytes.WriteString(strings.Repeat("~", int(n)))
}

// gapText is how much of a gap a recorder writes down at the most; no stream of
// a tape is longer.
const gapText = message

func (r *recorder) Gap(at reassembly.At, n int64, why reassembly.GapKind, next capture.Ref) {
	h := r.at(at, n)
	if n == 0 {
		r.t.Fatalf("half %d: empty Gap", at.Half)
	}
	fmt.Fprintf(&h.log, "gap %d+%d %d next %d @%d\n", at.Off, n, why, next.Packet, at.Time)
	h.bytes.WriteString(strings.Repeat(map[reassembly.GapKind]string{reassembly.GapLost: ".", reassembly.GapSnaplen: "#"}[why], int(min(n, gapText))))
}

func (r *recorder) Close(id reassembly.HalfID, how reassembly.End, at reassembly.At) {
	h := r.at(at, 0)
	h.closed = true
	fmt.Fprintf(&h.log, "close %d packet %d @%d\n", how, at.Ref.Packet, at.Time)
}

// text returns the delivered bytes of a half, with marks for missing ones.
func (r *recorder) text(id reassembly.HalfID) string {
	if r.halves[id] == nil {
		return "no such half"
	}
	return r.halves[id].bytes.String()
}

// assemble runs segments through a first reading.
func assemble(t testing.TB, segs []tcpip.Segment, o *reassembly.Options) (*reassembly.Table, *recorder) {
	t.Helper()
	table, rec := new(reassembly.Table), newRecorder(t)
	a := reassembly.NewAssembler(table, rec, o)
	for i := range segs {
		id := a.Add(&segs[i])
		if got := table.At(segs[i].Ref); got != id || id == 0 {
			t.Fatalf("packet %d: Add = %d, table has %d", i+1, id, got)
		}
	}
	a.Finish()
	for id, h := range rec.halves {
		if !h.closed {
			t.Fatalf("half %d not closed", id)
		}
	}
	checkAgain(t, table, segs, rec)
	return table, rec
}

// checkAgain reads subsets again and compares the events: all halves, every
// other one, and each alone if they are few.
func checkAgain(t testing.TB, table *reassembly.Table, segs []tcpip.Segment, first *recorder) {
	t.Helper()
	picks := []func(id int) bool{
		func(int) bool { return true },
		func(id int) bool { return id%2 == 0 },
		func(id int) bool { return id%2 == 1 },
	}
	for alone := 1; alone <= table.Len() && table.Len() < 10; alone++ {
		picks = append(picks, func(id int) bool { return id == alone })
	}
	for _, pick := range picks {
		var want reassembly.HalfSet
		for id := 1; id <= table.Len(); id++ {
			if pick(id) {
				want.Add(reassembly.HalfID(id))
			}
		}
		rec := newRecorder(t)
		rec.skip = first.skip
		a := reassembly.Again(table, &want, rec)
		for i := range segs {
			if a.Wants(segs[i].Ref) {
				a.Add(&segs[i])
			}
		}
		a.Finish()
		for id := 1; id <= table.Len(); id++ {
			compare(t, reassembly.HalfID(id), want.Has(reassembly.HalfID(id)), first, rec)
		}
	}
}

func compare(t testing.TB, id reassembly.HalfID, wanted bool, first, second *recorder) {
	t.Helper()
	got, want := second.halves[id], first.halves[id]
	switch {
	case !wanted && got != nil:
		t.Fatalf("half %d read again unasked:\n%s", id, got.log.String())
	case wanted && got == nil:
		t.Fatalf("half %d not read again", id)
	case wanted && got.log.String() != want.log.String():
		t.Fatalf("half %d read again:\n%s\nfirst:\n%s", id, got.log.String(), want.log.String())
	}
}
