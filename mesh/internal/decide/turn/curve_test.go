package turn

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testlegs"
)

// What a proxy carries on byte for byte has the same turns on both legs, whatever
// the records; the numbers of one are hashed to one.
func TestTurns(t *testing.T) {
	turns := func(says ...say) []uint64 { return spoken(says...).turns() }
	for _, tt := range []struct {
		name string
		a, b []say
		same bool
		n    int
	}{
		{"the same", []say{asks(100), answers(200), asks(3), answers(4)}, []say{asks(100), answers(200), asks(3), answers(4)}, true, 2},
		{"in other records", []say{asks(100), answers(200), asks(3), answers(4)}, []say{asks(60), asks(40), answers(150), answers(50), asks(3), answers(4)}, true, 2},
		{"in another order", []say{asks(100), answers(200), asks(3), answers(4)}, []say{asks(3), answers(4), asks(100), answers(200)}, true, 2},
		{"twice the same", []say{asks(1), answers(2), asks(1), answers(2)}, []say{asks(1), answers(2)}, false, 2},
		{"another request", []say{asks(100), answers(200)}, []say{asks(101), answers(200)}, false, 1},
		{"another response", []say{asks(100), answers(200)}, []say{asks(100), answers(201)}, false, 1},
		{"request and response exchanged", []say{asks(100), answers(200)}, []say{asks(200), answers(100)}, false, 1},
		{"one in doubt", []say{asks(100), answers(200), asks(3), answers(40).missing(), answers(4), asks(5), answers(6)}, []say{asks(100), answers(200), asks(5), answers(6)}, true, 2},
		{"a request in doubt", []say{asks(100), answers(200), asks(3), asks(40).missing(), answers(4), asks(5), answers(6)}, []say{asks(100), answers(200), asks(5), answers(6)}, true, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := turns(tt.a...), turns(tt.b...)
			if !slices.IsSorted(a) || len(a) != tt.n || slices.Equal(a, b) != tt.same {
				t.Errorf("turns %x and %x; want %d, the same: %v", a, b, tt.n, tt.same)
			}
		})
	}
}

// A direction has its length if it was seen whole: several if handshake and data
// cannot be told apart.
func TestTotals(t *testing.T) {
	whole := func(s *Side) *scan.Message {
		m := message(0, s.end, 5, 9)
		m.Flags = scan.MsgComplete
		return m
	}
	for _, tt := range []struct {
		name   string
		says   []say
		starts []int
		make   func(*Side) *scan.Message
		want   []int64
		at     []int64
	}{
		{"whole", []say{asks(36), asks(500), asks(20)}, []int{1}, whole, []int64{520}, []int64{moment(1)}},
		{"in doubt", []say{asks(90), asks(36), asks(500)}, []int{1, 2}, whole, []int64{536, 500}, []int64{moment(1), moment(2)}},
		{"nothing was sent", []say{asks(36)}, []int{1}, func(*Side) *scan.Message { return nil }, []int64{0}, nil},
		{"nothing from its likeliest beginning on", []say{asks(36)}, []int{1}, whole, []int64{0}, []int64{5}},
		{"not to its end", []say{asks(36), asks(500)}, []int{1}, func(s *Side) *scan.Message { return message(0, s.end, 5, 9) }, nil, nil},
		{"plain", []say{asks(36), asks(500)}, []int{1}, func(s *Side) *scan.Message { m := whole(s); s.Plain = true; return m }, nil, nil},
		{"a hole that may be anything", []say{asks(36), asks(3000).missing(), asks(20)}, []int{0, 1}, whole, nil, nil},
		{"a hole that has two lengths", []say{asks(36), asks(30).missing(), asks(20)}, []int{0}, whole, []int64{86, 64}, []int64{moment(0), moment(0)}},
		{"a hole before the second", []say{asks(36), asks(3000).missing(), asks(20)}, []int{1, 0}, whole, []int64{20}, []int64{moment(2)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := spoken(tt.says...).Orig
			s.Starts = nil
			for _, k := range tt.starts {
				s.Starts = append(s.Starts, s.after(k))
			}
			got, at := s.totals(tt.make(s))
			if !slices.Equal(got, tt.want) || !slices.Equal(at, tt.at) {
				t.Errorf("lengths %v that begin at %v, want %v at %v", got, at, tt.want, tt.at)
			}
		})
	}
	if got, _ := (*Side)(nil).totals(nil); got != nil {
		t.Errorf("of what was not captured %v bytes", got)
	}
}

// A carried is what a client says to a server, by turns.
type carried []pcap.Turn

// over adds a connection that carries it under TLS, and one that carries it plain on
// loopback.
func (k carried) over(tr *pcap.Trace, conf pcap.TLSConfig) {
	down := tr.Conn("192.0.2.1:40000", "10.244.1.10:8443").At(0, "eth0")
	down.Handshake()
	s := down.TLS(conf)
	up := tr.Conn("127.0.0.6:50000", "10.244.1.10:9000").At(1, "lo").ISN(1<<20, 2<<20)
	up.Handshake()
	for _, turn := range k {
		s.Play(turn)
		if text := strings.Repeat("x", turn.Bytes); turn.Reply {
			up.Reply(text)
		} else {
			up.Send(text)
		}
	}
	s.Close()
	up.Close()
}

// curveOf measures a leg.
func curveOf(s *testlegs.Sides, down bool) Curve {
	l := s.Up[0]
	if down {
		l = s.Down[0]
	}
	return NewLeg(s.Index, l).Curve(s.Index)
}

// Of a connection of which all is passed on its TLS counts like any other bytes, from the
// first to the last.
func TestCurveOfBytes(t *testing.T) {
	tr := new(pcap.Trace)
	carried{{Bytes: 100}, {Reply: true, Bytes: 300}, {Bytes: 7}, {Reply: true, Bytes: 9}}.over(tr, pcap.TLSConfig{})
	s := testlegs.Read(t, tr, "eth0")
	l := s.Down[0]
	sealed, k := NewLeg(s.Index, l).Curve(s.Index), NewBytes(s.Index, l).Curve(s.Index)
	e := &k.Whole
	if e.Outline != nil || e.Req.Start != 0 || e.Resp.Start != 0 || e.Req.End != l.OrigBytes || e.Resp.End != l.ReplyBytes {
		t.Errorf("request %+v, response %+v of %d and %d bytes", e.Req, e.Resp, l.OrigBytes, l.ReplyBytes)
	}
	if orig := s.Index.Content(l.Conn.Orig); e.Req.From != orig.Data {
		t.Errorf("it begins at %v, its first byte went by at %v", e.Req.From, orig.Data)
	}
	if len(k.Turns) <= len(sealed.Turns) {
		t.Errorf("%d turns, and %d without the handshake", len(k.Turns), len(sealed.Turns))
	}
}

// Of a connection that is carried on byte for byte both legs have the same lengths
// and turns.
func TestCurve(t *testing.T) {
	dialogue := carried{{Bytes: 100}, {Reply: true, Bytes: 3000}, {Bytes: 40}, {Reply: true, Bytes: 7}, {Bytes: 9}}
	for _, tt := range []struct {
		name      string
		tls       pcap.TLSConfig
		say       carried
		req, resp string // lengths under TLS
		turns     int
		same      int // turns of both
	}{
		{"OpenSSL", pcap.TLSConfig{}, dialogue, "[149]", "[3007 7 3736 4481]", 3, 3},
		{"OpenSSL, no tickets", pcap.TLSConfig{Tickets: []int{}}, dialogue, "[149]", "[3007 7]", 3, 3},
		{"TLS 1.2", pcap.TLSConfig{Version: 0x0303}, dialogue, "[149]", "[3007]", 3, 3},
		{"nothing of the server", pcap.TLSConfig{Tickets: []int{}}, carried{{Bytes: 100}}, "[100]", "[0]", 1, 0},
		{"nothing of the client", pcap.TLSConfig{Tickets: []int{}}, carried{{Reply: true, Bytes: 60}}, "[0]", "[60]", 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			tt.say.over(tr, tt.tls)
			s := testlegs.Read(t, tr, "eth0")
			d, u := curveOf(s, true), curveOf(s, false)
			h := d.Whole.Outline
			if fmt.Sprint(h.Req) != tt.req || fmt.Sprint(h.Resp) != tt.resp || len(h.ReqAt) > 0 != (d.Whole.Req != nil) {
				t.Errorf("lengths %v and %v, want %s and %s", h.Req, h.Resp, tt.req, tt.resp)
			}
			if u.Whole.Outline != nil || u.Whole.Leg != s.Up[0] || u.Whole.Floor != int64(s.Up[0].Start) || u.Whole.Scan == nil || u.Whole.RespScan == nil {
				t.Errorf("the plain leg is %+v", u.Whole)
			}
			same := 0
			for _, k := range d.Turns {
				if slices.Contains(u.Turns, k) {
					same++
				}
			}
			if len(d.Turns) != tt.turns || same != tt.same {
				t.Errorf("%d turns of which the plain leg has %d, want %d and %d", len(d.Turns), same, tt.turns, tt.same)
			}
			if es := Wholes([]Curve{d, u}); len(es) != 2 || es[0].Leg != s.Down[0] || es[1].Leg != s.Up[0] {
				t.Errorf("wholes %+v", es)
			}
		})
	}
}

// What goes in one direction is one message: all bytes of a plain half, and of TLS
// from the first byte of data to the last.
func TestWholeMessages(t *testing.T) {
	dialogue := carried{{Bytes: 100}, {Reply: true, Bytes: 3000}, {Bytes: 40}}
	tr := new(pcap.Trace)
	dialogue.over(tr, pcap.TLSConfig{Tickets: []int{}})
	s := testlegs.Read(t, tr, "eth0")
	d, u := curveOf(s, true).Whole, curveOf(s, false).Whole
	v := NewLeg(s.Index, s.Down[0])
	if d.Req.Start != v.Orig.Starts[0] || d.Req.Before != d.Req.Start || d.Req.End != v.Orig.end || d.Req.End-d.Req.Start != wire(100, 40) {
		t.Errorf("data of the client are [%d, %d), want [%d, %d)", d.Req.Start, d.Req.End, v.Orig.Starts[0], v.Orig.end)
	}
	if first, last := v.Orig.at(d.Req.Start), v.Orig.last(0, v.Orig.end); d.Req.From != first.At || endsAt(d.Req) != last.Until {
		t.Errorf("data of the client begin at %v and end at %d, want %v and %d", d.Req.From, endsAt(d.Req), first.At, last.Until)
	}
	if u.Req.Start != 0 || u.Req.End != 140 || u.Resp.End != 3000 || endsAt(u.Req) <= beginsAt(u.Req) {
		t.Errorf("plain bytes are [%d, %d) and until %d", u.Req.Start, u.Req.End, u.Resp.End)
	}
	for _, m := range []*scan.Message{d.Req, d.Resp, u.Req, u.Resp} {
		if !m.Is(scan.MsgComplete) || m.Is(scan.MsgOpen) || m.ServiceMillis != -1 {
			t.Errorf("of a whole connection %+v", m)
		}
	}
}

// A message that did not begin within the capture is not complete; one whose end was
// not captured is open.
func TestWholeMessagesOfDamage(t *testing.T) {
	for _, tt := range []struct {
		name           string
		spoil          func(*pcap.Trace)
		complete, open bool // of the client's data under TLS
		lengths        bool // they are known
	}{
		{"whole", func(*pcap.Trace) {}, true, false, true},
		{"begun late", func(tr *pcap.Trace) {
			seen := 0
			tr.Filter(func(p *pcap.Packet) bool {
				if p.Interface == "eth0" && len(p.Bytes) == 122 {
					seen++
				}
				return seen > 0 || p.Interface != "eth0"
			})
		}, false, false, false},
		{"not to its end", func(tr *pcap.Trace) { tr.Lose(8) }, true, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			carried{{Bytes: 100}, {Reply: true, Bytes: 3000}, {Bytes: 40}}.over(tr, pcap.TLSConfig{Tickets: []int{}})
			tt.spoil(tr)
			s := testlegs.Read(t, tr, "eth0")
			d := curveOf(s, true).Whole
			if d.Req.Is(scan.MsgComplete) != tt.complete || d.Req.Is(scan.MsgOpen) != tt.open || len(d.Outline.Req) > 0 != tt.lengths {
				t.Errorf("complete %v, open %v, lengths %v; want %v, %v, some: %v",
					d.Req.Is(scan.MsgComplete), d.Req.Is(scan.MsgOpen), d.Outline.Req, tt.complete, tt.open, tt.lengths)
			}
		})
	}
}

// Of a direction that was not captured, or carried nothing but a handshake, there is
// no message.
func TestNothingWhole(t *testing.T) {
	tr := new(pcap.Trace)
	carried{}.over(tr, pcap.TLSConfig{Tickets: []int{}})
	tr.Filter(func(p *pcap.Packet) bool { return p.Key.SrcPort != 9000 })
	s := testlegs.Read(t, tr, "eth0")
	if d := curveOf(s, true); d.Whole.Req != nil || d.Whole.Resp != nil {
		t.Errorf("a handshake alone is %+v and %+v", d.Whole.Req, d.Whole.Resp)
	}
	if got := (*Side)(nil).all(s.Index, 0); got != nil {
		t.Errorf("of what was not captured %+v", got)
	}
	for _, empty := range []func(v *Leg){
		func(v *Leg) { v.Orig.Starts = nil }, func(v *Leg) { v.Reply.Starts = nil },
		func(v *Leg) { v.Orig = nil }, func(v *Leg) { v.Reply = nil },
	} {
		v := NewLeg(s.Index, s.Down[0])
		if empty(v); v.Curve(s.Index).Turns != nil {
			t.Errorf("turns of half a leg: %+v", v)
		}
	}
	if u := NewLeg(s.Index, s.Up[0]); u.Reply != nil || u.Sealed() {
		t.Errorf("half a leg is %+v", u)
	}
	if half := newSealed(s.Index, 0, over, 0); half != nil {
		t.Errorf("of no half %+v", half)
	}
}

// Where no turns are kept, because nothing there can have been encrypted, the bytes
// are counted all the same.
func TestWholeWithoutTurns(t *testing.T) {
	tr := new(pcap.Trace)
	c := tr.Conn("192.0.2.1:40000", "10.244.1.10:9000").At(0, "eth0")
	c.Handshake()
	c.Send("some bytes")
	c.Reply("others")
	c.Close()
	s := testlegs.Read(t, tr, "eth0")
	v := NewLeg(s.Index, s.Down[0])
	if v.Orig != nil || v.Reply != nil {
		t.Fatalf("turns are kept: %+v", v)
	}
	if k := v.Curve(s.Index); k.Whole.Req.End != 10 || k.Whole.Resp.End != 6 || k.Turns != nil || k.Whole.Outline != nil {
		t.Errorf("%d and %d bytes in turns %v, want 10 and 6", k.Whole.Req.End, k.Whole.Resp.End, k.Turns)
	}
}
