package turn

import (
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/wire/tls"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testlegs"
)

// A leg hides HTTP/2 if the client offers it and one of the first records is an
// acknowledgement of settings.
func TestSpeaksH2(t *testing.T) {
	h2 := []string{"http/1.1", "h2"}
	plain := func(v *Leg) *Leg { v.Reply.Plain = true; return v }
	from := func(v *Leg, k int) *Leg { v.Orig.Starts = []int64{v.Orig.after(k)}; return v }
	many := func(n int) (says []say) {
		for range n {
			says = append(says, asks(100))
		}
		return append(says, asks(FrameHead), answers(100))
	}
	for _, tt := range []struct {
		name string
		alpn []string
		leg  *Leg
		want bool
	}{
		{"acknowledged by the client", h2, spoken(asks(70), answers(27), asks(9), answers(100)), true},
		{"by the server", h2, spoken(asks(70), answers(27), answers(9)), true},
		{"by nobody", h2, spoken(asks(70), answers(27), asks(10), answers(8)), false},
		{"in Istio's words", []string{"istio-h2"}, spoken(asks(70), asks(9), answers(9)), true},
		{"not offered", []string{"http/1.1", "istio-http/1.1"}, spoken(asks(70), asks(9), answers(9)), false},
		{"nothing offered", nil, spoken(asks(70), asks(9), answers(9)), false},
		{"one side is not TLS", h2, plain(spoken(asks(70), asks(9), answers(9))), false},
		{"in the handshake", h2, from(spoken(asks(9), asks(70), answers(100)), 1), false},
		{"in the first data", h2, from(spoken(asks(70), asks(9), answers(100)), 1), true},
		{"in the last of the first records", h2, spoken(many(maxPreface - 1)...), true},
		{"in the next", h2, spoken(many(maxPreface)...), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.leg.Leg.TLS.ALPN = tt.alpn
			if got := tt.leg.SpeaksH2(); got != tt.want {
				t.Errorf("speaks HTTP/2: %v, want %v", got, tt.want)
			}
		})
	}
}

// Records of a settings acknowledgement (9 bytes), a window update (13), a ping (17)
// or two of these, and all that are shorter than a frame with a head, are control.
func TestControl(t *testing.T) {
	var got []int64
	for n := range int64(60) {
		if Control(n) {
			got = append(got, n)
		}
	}
	if want := []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 17, 18, 22, 26, 30, 34}; !slices.Equal(got, want) {
		t.Errorf("control are %v, want %v", got, want)
	}
}

// From lists the records from where data begin.
func TestFrom(t *testing.T) {
	s := spoken(asks(36), asks(70), asks(9)).Orig
	for k, want := range []int{3, 2, 1, 0} {
		s.Starts = []int64{s.after(k)}
		if got := len(s.From()); got != want {
			t.Errorf("from record %d on there are %d, want %d", k, got, want)
		}
	}
}

// muxed returns a leg of HTTP/2 whose client and server send records of the given
// lengths; those of the server come a hundred microseconds after each other.
func muxed(orig, reply []int, up bool) *Multiplex {
	var says []say
	for _, n := range orig {
		says = append(says, asks(n))
	}
	for _, n := range reply {
		says = append(says, answers(n))
	}
	v := spoken(says...)
	for i, u := range v.Reply.Data {
		u.At = instant(int64(i)*2*index.Causality, 0)
	}
	return &Multiplex{Leg: v.Leg, Orig: v.Orig.Data, Reply: v.Reply.Data, Over: over, Up: up}
}

// Every record that may hold the head of a request is one, but for control frames
// and the greeting, which only the first record is.
func TestHeads(t *testing.T) {
	tr := new(pcap.Trace)
	c := tr.Conn("192.0.2.1:40000", "10.244.1.10:8443").At(0, "eth0")
	c.Handshake()
	c.TLS(pcap.TLSConfig{})
	sides := testlegs.Read(t, tr, "eth0")
	for _, tt := range []struct {
		name  string
		orig  []int
		heads []int // indices of records
	}{
		{"greeting and settings", []int{MaxGreeting - 1, 9}, nil},
		{"a greeting with a request", []int{MaxGreeting, 9}, []int{0}},
		{"requests", []int{70, 9, 40, 13, 41}, []int{2, 4}},
		{"one as long as a greeting, later", []int{70, MaxGreeting - 1}, []int{1}},
		{"as short as heads are", []int{70, minHeaders, minHeaders - 1}, []int{1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := muxed(tt.orig, nil, false)
			m.Leg = sides.Down[0]
			var got []int
			for i, e := range m.Heads(sides.Index) {
				got = append(got, e.Outline.First)
				if e.Outline.Nth != i || e.Leg != m.Leg || e.Floor != int64(m.Leg.Start) || !e.Req.Is(scan.MsgRequest) || e.Resp != nil {
					t.Errorf("head %d: %+v, %+v", i, e, e.Outline)
				}
				if u := m.Orig[e.Outline.First]; e.Req.Start != u.Off || beginsAt(e.Req) != moment(e.Outline.First) {
					t.Errorf("head %d begins at %d, its record at %d", i, e.Req.Start, u.Off)
				}
			}
			if !slices.Equal(got, tt.heads) {
				t.Errorf("heads in %v, want %v", got, tt.heads)
			}
		})
	}
	var nth []int
	for _, e := range muxed([]int{70, 40, 40, 40, 40, 40}, nil, false).of(sides.Down[0]).Heads(sides.Index) {
		nth = append(nth, e.Outline.Nth)
	}
	if want := []int{0, 1, 2, 3, 3}; !slices.Equal(nth, want) {
		t.Errorf("heads have %v before them, want %v", nth, want)
	}
}

// of gives the records to another leg.
func (m *Multiplex) of(l *graph.Leg) *Multiplex { m.Leg = l; return m }

// A message goes from its first record's first byte to its last record's last.
func TestMessageOf(t *testing.T) {
	us := spoken(asks(100), asks(50), asks(7)).Orig.Data
	m := MessageOf(us[1:])
	if m.Start != wire(100) || m.Before != m.Start || m.HeadEnd != m.Start || m.End != wire(100, 50, 7) {
		t.Errorf("message [%d, %d), want [%d, %d)", m.Start, m.End, wire(100), wire(100, 50, 7))
	}
	if beginsAt(m) != moment(1) || endsAt(m) != moment(2)+lasting || m.ServiceMillis != -1 || !m.Is(scan.MsgComplete) || !m.Is(scan.MsgHidden) {
		t.Errorf("message from %d to %d: %+v", beginsAt(m), endsAt(m), m)
	}
	if got := us[0].Off + tls.HeaderLen + int64(us[0].Len); got != us[1].Off {
		t.Errorf("the second record begins at %d, want %d", us[1].Off, got)
	}
}

// A request has its body in the record of its head, in one that follows, or in the
// fewest that are long enough.
func TestRequestRecords(t *testing.T) {
	for _, tt := range []struct {
		name   string
		orig   []int
		i      int
		n      int64 // of the body
		want   Records
		beside int64
	}{
		{"no body", []int{70, 40, 40}, 1, 0, Records{1, 2}, 40},
		{"the body itself", []int{70, 109}, 1, 100, Records{1, 2}, -100},
		{"in the next record", []int{70, 40, 109}, 1, 100, Records{1, 3}, 40},
		{"after others", []int{70, 40, 44, 13, 109, 109}, 1, 100, Records{1, 5}, 40},
		{"after as many as are looked at", slices.Concat([]int{40}, slices.Repeat([]int{44}, maxHeads-2), []int{109}), 0, 100, Records{0, maxHeads}, 40},
		{"after one more", slices.Concat([]int{40}, slices.Repeat([]int{44}, maxHeads-1), []int{109}), 0, 100, Records{0, 3}, 40 + 2*44 - 100},
		{"in the record of the head", []int{121, 50}, 0, 100, Records{0, 1}, 12},
		{"too short for both", []int{120, 50}, 0, 100, Records{0, 1}, 20},
		{"in several", []int{40, 60, 30}, 0, 100, Records{0, 3}, 30},
		{"not in any", []int{40, 60}, 0, 100, Records{0, 2}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			run, beside := muxed(tt.orig, nil, false).Request(tt.i, tt.n)
			if run != tt.want || beside != tt.beside {
				t.Errorf("records %v with %d bytes beside the body, want %v with %d", run, beside, tt.want, tt.beside)
			}
		})
	}
}

// A message of n bytes takes the fewest records that hold more than n and the head of
// a frame.
func TestCover(t *testing.T) {
	for _, tt := range []struct {
		i    int
		n    int64
		want Records
		sum  int64
	}{
		{0, 30, Records{0, 1}, 40},
		{0, 31, Records{0, 2}, 100},
		{0, 90, Records{0, 2}, 100},
		{0, 91, Records{0, 3}, 130},
		{1, 90, Records{1, 3}, 90},
		{3, 0, Records{3, 3}, 0},
	} {
		m := muxed(nil, []int{40, 60, 30}, false)
		if run, sum := m.Cover(m.Reply, tt.i, tt.n); run != tt.want || sum != tt.sum {
			t.Errorf("Cover(%d, %d): %v with %d bytes, want %v with %d", tt.i, tt.n, run, sum, tt.want, tt.sum)
		}
	}
}

// A response on the client's side begins after it began on the server's, the nearest
// records first; on the server's side before. Both may be stamped too late by
// Causality.
func TestAnswers(t *testing.T) {
	const c = index.Causality
	some := []int{40, 9, 41, 42, 13, 43} // at 0, 2c, 4c, 6c, 8c and 10c
	for _, tt := range []struct {
		name  string
		reply []int
		up    bool
		at    int64
		want  []int
	}{
		{"to a client, from the beginning", some, false, 0, []int{0, 2, 3, 5}},
		{"as late as may be", some, false, c, []int{0, 2, 3, 5}},
		{"too late", some, false, c + 1, []int{2, 3, 5}},
		{"of the last", some, false, 11 * c, []int{5}},
		{"of nothing", some, false, 11*c + 1, nil},
		{"of a server, to the end", some, true, 20 * c, []int{5, 3, 2, 0}},
		{"as early as may be", some, true, 5 * c, []int{3, 2, 0}},
		{"too early", some, true, 5*c - 1, []int{2, 0}},
		{"of the first", some, true, -c, []int{0}},
		{"before the first", some, true, -c - 1, nil},
		{"no more than so many", slices.Repeat([]int{40}, 20), false, 0, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
		{"and of a server", slices.Repeat([]int{40}, 20), true, 100 * c, []int{19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := muxed(nil, tt.reply, tt.up).Answers(tt.at); !slices.Equal(got, tt.want) {
				t.Errorf("answers in %v, want %v", got, tt.want)
			}
		})
	}
}
