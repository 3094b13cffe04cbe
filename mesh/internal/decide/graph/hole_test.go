package graph

import (
	"math"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
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

// When exchanges of an HTTP/1 leg may not have been captured: before its first whole one,
// if anything was seen before that, and around what was lost.
func TestUnseen(t *testing.T) {
	const ever = math.MinInt64
	whole := func(from, to int64) Exchange { return Exchange{Req: message(from, from+1), Resp: message(to-1, to)} }
	found := func(e Exchange, req, resp scan.Flags) Exchange {
		e.Req.Flags |= req
		e.Resp.Flags |= resp
		return e
	}
	for _, tt := range []struct {
		name   string
		change func(l *Leg, orig, reply *scan.Content)
		want   []scan.Span
	}{
		{"whole", func(l *Leg, orig, reply *scan.Content) {}, nil},
		{"it began before, and was silent until it asked", func(l *Leg, orig, reply *scan.Content) { l.Midstream = true }, nil},
		{"it began before, and was answered first", func(l *Leg, orig, reply *scan.Content) {
			l.Midstream = true
			l.Exchanges[0].Req = nil
		}, []scan.Span{{From: ever, To: 300}}},
		{"it began before, and the first two are answers", func(l *Leg, orig, reply *scan.Content) {
			l.Midstream = true
			l.Exchanges[0].Req, l.Exchanges[1].Req = nil, nil
		}, []scan.Span{{From: ever, To: 500}}},
		{"a request was lost", func(l *Leg, orig, reply *scan.Content) {
			orig.Lost = 1
			l.Exchanges[1].Req = nil
		}, []scan.Span{{From: 300, To: 499}, {From: 499, To: 600}}},
		{"an answer was lost", func(l *Leg, orig, reply *scan.Content) {
			reply.Lost = 1
			l.Exchanges[1].Resp = nil
		}, []scan.Span{{From: 400, To: 600}}},
		{"the last answer was lost", func(l *Leg, orig, reply *scan.Content) {
			reply.Lost = 1
			l.Exchanges[2].Resp = nil
		}, []scan.Span{{From: 600, To: 900}}},
		{"requests before one may be", func(l *Leg, orig, reply *scan.Content) {
			orig.Lost = 1
			l.Exchanges[1] = found(l.Exchanges[1], scan.MsgResync, 0)
		}, []scan.Span{{From: 300, To: 400}}},
		{"answers before one may be", func(l *Leg, orig, reply *scan.Content) {
			reply.Lost = 1
			l.Exchanges[1] = found(l.Exchanges[1], 0, scan.MsgResync)
		}, []scan.Span{{From: 400, To: 600}}},
		{"of a body, which does not end with the loss", func(l *Leg, orig, reply *scan.Content) {
			reply.Lost = 1
			l.Exchanges[1].Resp.Flags &^= scan.MsgComplete
		}, nil},
		{"of one direction nothing was captured", func(l *Leg, orig, reply *scan.Content) { l.Conn.Reply = 0 }, []scan.Span{{From: 100, To: 900}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x, legs := legsOf(t, testindex.Of(traceOf("eth0", client, app, func(c *pcap.Connection) {
				c.Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
				c.Reply("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
			})))
			l := legs[0]
			l.Start, l.End = 100, 900
			l.Exchanges = []Exchange{whole(200, 300), whole(400, 500), whole(600, 700)}
			tt.change(l, x.Content(l.Conn.Orig), x.Content(l.Conn.Reply))
			if got := l.Unseen(x); !slices.Equal(got, tt.want) {
				t.Errorf("unseen %v, want %v", got, tt.want)
			}
		})
	}
}

// A leg that began before the capture shows of its past what has no head.
func TestUnheaded(t *testing.T) {
	for _, tt := range []struct {
		name string
		say  func(c *pcap.Connection)
		want int // packets until then; 0 = nothing is without a head
	}{
		{"silent", func(c *pcap.Connection) { c.Ack() }, 0},
		{"it asks first", func(c *pcap.Connection) { c.Ack(); c.Send(ask); c.Reply(answer) }, 0},
		{"the rest of an answer", func(c *pcap.Connection) { c.Reply("<rest>"); c.Ack(); c.Send(ask); c.Reply(answer) }, 4},
		{"the rest of an answer alone", func(c *pcap.Connection) { c.Reply("<rest>"); c.Ack() }, 1},
		{"the rest of a question", func(c *pcap.Connection) { c.Send("<rest>"); c.Reply(answer); c.Send(ask); c.Reply(answer) }, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			c := testindex.On(tr, "eth0", client, app)
			tt.say(c)
			x, legs := legsOf(t, testindex.Of(tr))
			FindExchanges(x, legs)
			want := int64(0)
			if tt.want > 0 {
				want = int64(tr.Segments()[tt.want-1].Time)
			}
			if got := legs[0].unheaded(x); got != want {
				t.Errorf("without heads until %d, want %d", got, want)
			}
		})
	}
}

const (
	ask    = "GET / HTTP/1.1\r\nhost: a\r\n\r\n"
	answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
)

// What a leg was before its point was watched, and after, nobody knows.
func TestOutside(t *testing.T) {
	const c = index.Causality
	before, after := scan.Span{From: math.MinInt64, To: 50}, scan.Span{From: 950 + 2*c + 1, To: math.MaxInt64}
	for _, tt := range []struct {
		name   string
		mid    bool
		closed string
		want   []scan.Span
	}{
		{"whole", false, "orig", nil},
		{"it began before", true, "reply-rst", []scan.Span{before}},
		{"it stays open", false, "open", []scan.Span{after}},
		{"both", true, "open", []scan.Span{before, after}},
	} {
		_, legs := legsOf(t, testindex.Of(traceOf("eth0", client, app, func(c *pcap.Connection) { c.Send("a") })))
		l := legs[0]
		l.points[l.Conn.Place] = scan.Span{From: 50, To: 950}
		l.Midstream, l.ClosedBy = tt.mid, tt.closed
		if got := l.Outside(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
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
