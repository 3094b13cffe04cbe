package graph

import (
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
)

// spanned lets a whole leg live from 100 to 900, and changes it.
func spanned(t *testing.T, change func(l *Leg, orig, reply *scan.Content)) (scan.Span, bool) {
	t.Helper()
	x, legs := legsOf(t, testindex.Of(traceOf("eth0", client, app, func(c *pcap.Connection) { c.Send("a"); c.Reply("b") })))
	l := legs[0]
	l.Start, l.End = 100, 900
	change(l, x.Content(l.Conn.Orig), x.Content(l.Conn.Reply))
	return l.Hole(x)
}

// first is an exchange that was over at a time.
func first(over int64) Exchange { return Exchange{Req: message(100, 101), Resp: message(102, over)} }

// When a leg was not captured whole.
func TestHole(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(l *Leg, orig, reply *scan.Content)
		want   scan.Span
	}{
		{"whole", func(l *Leg, orig, reply *scan.Content) {}, scan.Span{}},
		{"bytes of the client are missing", func(l *Leg, orig, reply *scan.Content) { orig.Lost = 1 }, scan.Span{From: 100, To: 900}},
		{"bytes of the server are", func(l *Leg, orig, reply *scan.Content) { reply.Lost = 1 }, scan.Span{From: 100, To: 900}},
		{"only asked", func(l *Leg, orig, reply *scan.Content) { l.Conn.Reply = 0 }, scan.Span{From: 100, To: 900}},
		{"only answered", func(l *Leg, orig, reply *scan.Content) { l.Conn.Orig = 0 }, scan.Span{From: 100, To: 900}},
		{"it began before", func(l *Leg, orig, reply *scan.Content) { l.Midstream = true }, scan.Span{From: 100, To: 900}},
		{"it began before its first exchange", func(l *Leg, orig, reply *scan.Content) {
			l.Midstream, l.Exchanges = true, []Exchange{first(300), first(500)}
		}, scan.Span{From: 100, To: 300}},
		{"it began before, and bytes are missing", func(l *Leg, orig, reply *scan.Content) {
			l.Midstream, l.Exchanges, orig.Lost = true, []Exchange{first(300)}, 1
		}, scan.Span{From: 100, To: 900}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, found := spanned(t, tt.change); got != tt.want || found != (tt.want != scan.Span{}) {
				t.Errorf("hole %v, found %v; want %v", got, found, tt.want)
			}
		})
	}
}

// Of HTTP/2 an exchange that shows nothing of itself was asked and answered while
// frames may have been missed.
func TestHoleH2(t *testing.T) {
	adrift := func(from, to int64) scan.Span { return scan.Span{From: from, To: to} }
	unread := first(700)
	unread.Req.Flags = scan.MsgNoLine
	unasked := first(800)
	unasked.Req = nil
	for _, tt := range []struct {
		name   string
		change func(l *Leg, orig, reply *scan.Content)
		want   scan.Span
		found  bool
	}{
		{"whole", func(l *Leg, orig, reply *scan.Content) {}, scan.Span{}, false},
		{"adrift on both sides", func(l *Leg, orig, reply *scan.Content) {
			orig.Adrift, reply.Adrift = adrift(200, 300), adrift(250, 400)
		}, adrift(200, 400), true},
		{"for a moment", func(l *Leg, orig, reply *scan.Content) {
			orig.Adrift, reply.Adrift = adrift(200, 300), adrift(150, 200)
		}, adrift(200, 200), true},
		{"answers missed before questions", func(l *Leg, orig, reply *scan.Content) {
			orig.Adrift, reply.Adrift = adrift(200, 300), adrift(150, 199)
		}, adrift(200, 199), false},
		{"only questions missed", func(l *Leg, orig, reply *scan.Content) { orig.Adrift = adrift(200, 300) }, adrift(200, 0), false},
		{"only answers missed", func(l *Leg, orig, reply *scan.Content) { reply.Adrift = adrift(200, 300) }, adrift(0, 300), false},
		{"only asked", func(l *Leg, orig, reply *scan.Content) { l.Conn.Reply = 0 }, adrift(100, 900), true},
		{"only answered", func(l *Leg, orig, reply *scan.Content) { l.Conn.Orig = 0 }, adrift(100, 900), true},
		{"it began before", func(l *Leg, orig, reply *scan.Content) { l.Midstream = true }, adrift(100, 900), true},
		{"before its first exchange", func(l *Leg, orig, reply *scan.Content) {
			l.Midstream, l.Exchanges = true, []Exchange{first(300), first(500)}
		}, adrift(100, 300), true},
		{"before one whose line is not known", func(l *Leg, orig, reply *scan.Content) {
			l.Midstream, l.Exchanges = true, []Exchange{first(300), unread, first(750)}
		}, adrift(100, 700), true},
		{"before one that was not seen asked", func(l *Leg, orig, reply *scan.Content) {
			l.Midstream, l.Exchanges = true, []Exchange{first(300), unasked, unread}
		}, adrift(100, 800), true},
		{"and adrift later", func(l *Leg, orig, reply *scan.Content) {
			l.Midstream, l.Exchanges = true, []Exchange{first(300)}
			orig.Adrift, reply.Adrift = adrift(500, 510), adrift(550, 600)
		}, adrift(100, 600), true},
		{"and adrift before", func(l *Leg, orig, reply *scan.Content) {
			l.Midstream, l.Exchanges = true, []Exchange{first(300)}
			orig.Adrift, reply.Adrift = adrift(150, 160), adrift(155, 170)
		}, adrift(100, 300), true},
		{"and only questions missed", func(l *Leg, orig, reply *scan.Content) {
			l.Midstream, l.Exchanges = true, []Exchange{first(300)}
			orig.Adrift = adrift(500, 510)
		}, adrift(100, 300), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, found := spanned(t, func(l *Leg, orig, reply *scan.Content) {
				l.Protocol = flow.ProtocolHTTP2
				tt.change(l, orig, reply)
			})
			if got != tt.want || found != tt.found {
				t.Errorf("hole %v, found %v; want %v, %v", got, found, tt.want, tt.found)
			}
		})
	}
}

// Spans that touch are one.
func TestMerge(t *testing.T) {
	for _, tt := range []struct{ spans, want []scan.Span }{
		{nil, nil},
		{[]scan.Span{{From: 5, To: 9}, {From: 1, To: 3}}, []scan.Span{{From: 1, To: 3}, {From: 5, To: 9}}},
		{[]scan.Span{{From: 1, To: 5}, {From: 5, To: 9}}, []scan.Span{{From: 1, To: 9}}},
		{[]scan.Span{{From: 1, To: 4}, {From: 5, To: 9}}, []scan.Span{{From: 1, To: 4}, {From: 5, To: 9}}},
		{[]scan.Span{{From: 1, To: 9}, {From: 2, To: 3}, {From: 9, To: 10}}, []scan.Span{{From: 1, To: 10}}},
	} {
		if got := Merge(slices.Clone(tt.spans)); !slices.Equal(got, tt.want) {
			t.Errorf("%v merged to %v, want %v", tt.spans, got, tt.want)
		}
	}
}
