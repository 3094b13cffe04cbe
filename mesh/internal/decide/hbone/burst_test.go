package hbone

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
)

// When a burst went through the tunnel: on its way there before what answers it,
// on its way back after what it answers.
func TestWindow(t *testing.T) {
	const slack, start = index.Causality, 1_000_000
	c := &inner{leg: between(start, 9_000_000), bursts: []burst{
		{false, 5, 2_000_000, 2_100_000}, {false, 5, 2_200_000, 2_300_000}, {true, 5, 2_300_000, 2_400_000}, {true, 5, 3_000_000, 3_100_000}, {false, 5, 3_100_000, 3_200_000}, {true, 5, 4_000_000, 4_100_000},
	}}
	for _, tt := range []struct {
		i        int
		toTunnel bool
		from, to int64
	}{
		{0, true, 2_000_000 - slack, 2_400_000},     // answered by the first reply
		{1, true, 2_200_000 - slack, 3_100_000},     // which did not begin behind this one
		{2, true, 2_300_000 - slack, 3_200_000},     // the other way round
		{5, true, 4_000_000 - slack, math.MaxInt64}, // answered by nothing
		{0, false, start - slack, 2_100_000 + slack},
		{2, false, 2_000_000 - slack, 2_400_000 + slack}, // the one before was not over
		{3, false, 2_200_000 - slack, 3_100_000 + slack},
		{4, false, 2_300_000 - slack, 3_200_000 + slack},
		{5, false, 3_100_000 - slack, 4_100_000 + slack},
	} {
		if from, to := c.window(tt.i, tt.toTunnel); from != tt.from || to != tt.to {
			t.Errorf("burst %d, to the tunnel %v: from %d to %d, want from %d to %d", tt.i, tt.toTunnel, from, to, tt.from, tt.to)
		}
	}
}

// lengths describes bursts: those of the client, those of the server with "<".
func lengths(bs []burst) string {
	var out []string
	for _, b := range bs {
		s := fmt.Sprint(b.n)
		if b.reply {
			s = "<" + s
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// data is a TLS record with n bytes of ciphertext.
func data(n int) string {
	return "\x17\x03\x03" + string([]byte{byte(n >> 8), byte(n)}) + strings.Repeat("x", n)
}

// What a side sends before it hears from the other is a burst: of HTTP a message,
// of other bytes a unit, of TLS the records of a packet.
func TestBurstsOf(t *testing.T) {
	const get, ok = "GET / HTTP/1.1\r\nhost: a\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
	for _, tt := range []struct {
		name string
		talk func(c *pcap.Connection)
		want string // the last ones
		n    int
	}{
		{"bytes", func(c *pcap.Connection) { c.Send("hello"); c.Reply("hi"); c.Send("bye") }, "5 <2 3", 3},
		{"two packets in a row", func(c *pcap.Connection) { c.Send("hello"); c.Send("again"); c.Reply("hi") }, "10 <2", 2},
		{"the server first", func(c *pcap.Connection) { c.Reply("hi"); c.Send("hello") }, "<2 5", 2},
		{"one side only", func(c *pcap.Connection) { c.Send("hello") }, "5", 1},
		{"HTTP", func(c *pcap.Connection) { c.Send(get); c.Reply(ok); c.Send(get) }, fmt.Sprintf("%d <%d %d", len(get), len(ok), len(get)), 3},
		{"HTTP, pipelined", func(c *pcap.Connection) { c.Send(get + get); c.Reply(ok + ok) }, fmt.Sprintf("%d %d <%d <%d", len(get), len(get), len(ok), len(ok)), 4},
		{"records of TLS in packets of their own", func(c *pcap.Connection) {
			c.TLS(pcap.TLSConfig{})
			c.Send(data(30))
			c.Send(data(40))
			c.Reply(data(50))
		}, "35 45 <55", -1},
		{"records of TLS in one packet", func(c *pcap.Connection) { c.TLS(pcap.TLSConfig{}); c.Send(data(30) + data(40)); c.Reply(data(50)) }, "80 <55", -1},
		{"a record behind a hole", func(c *pcap.Connection) {
			c.TLS(pcap.TLSConfig{})
			c.Send(data(30))
			c.Send(data(40))
			c.Lose(1)
			c.Send(data(60))
			c.Reply(data(50))
		}, "35 65 <55", -1},
		{"as many as are looked for", func(c *pcap.Connection) {
			for range 64 {
				c.Send("a")
				c.Reply("bc")
			}
		}, "1 <2 1 <2", 128},
		{"more", func(c *pcap.Connection) {
			for range 65 {
				c.Send("a")
				c.Reply("bc")
			}
		}, "1 <2 1 <2", 128},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			c := testindex.On(tr, "lo", client, app)
			c.Handshake()
			tt.talk(c)
			x, legs := legsOf(t, testindex.Of(tr))
			bs := burstsOf(x, legs[0])
			if got := lengths(bs); !strings.HasSuffix(got, tt.want) || tt.n >= 0 && len(bs) != tt.n {
				t.Errorf("%d bursts %s, want %d that end with %s", len(bs), got, tt.n, tt.want)
			}
			for i := range bs {
				if bs[i].until < bs[i].at || i > 0 && bs[i].at < bs[i-1].at {
					t.Errorf("burst %d lasts from %d to %d", i, bs[i].at, bs[i].until)
				}
			}
		})
	}
	if x, _ := indexOf(t); unitBursts(x, 0, true) != nil {
		t.Error("a half that was not captured has bursts")
	}
}

// A burst of several packets, or records of one, lasts until its last byte.
func TestBurstLasts(t *testing.T) {
	tr := new(pcap.Trace)
	c := testindex.On(tr, "lo", client, app)
	c.Handshake()
	first := c.Send("hello").Time
	last := c.Send("again").Time
	x, legs := legsOf(t, testindex.Of(tr))
	if bs := burstsOf(x, legs[0]); len(bs) != 1 || bs[0].at != int64(first) || bs[0].until != int64(last) {
		t.Errorf("bursts %+v, want one from %d to %d", bs, first, last)
	}
}

// What is known of a tunnel from outside: the plaintext of its records, behind the
// handshake; all of them, if it was captured whole.
func TestNewTunnel(t *testing.T) {
	for _, tt := range []struct {
		name  string
		edit  func(tr *pcap.Trace)
		leg   func(l *graph.Leg)
		known bool
		want  string
	}{
		{"whole", nil, nil, true, "[100 200] [300]"},
		{"of the middle", func(tr *pcap.Trace) { tr.DropFirst(1) }, nil, true, "[100 200] [300]"},
		{"it began before the capture", nil, func(l *graph.Leg) { l.Midstream = true }, false, "[100 200] [300]"},
		{"bytes of the client are missing", nil, func(l *graph.Leg) { l.OrigMissing = 1 }, false, "[100 200] [300]"},
		{"bytes of the server are", nil, func(l *graph.Leg) { l.ReplyMissing = 1 }, false, "[100 200] [300]"},
		{"only asked", func(tr *pcap.Trace) { tr.Filter(func(p *pcap.Packet) bool { return p.Key.DstPort == 15008 }) }, nil, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			c := testindex.On(tr, "eth0", client, pod+":15008")
			c.Handshake()
			s := c.TLS(pcap.TLSConfig{Mutual: true, ALPN: []string{"h2"}})
			s.Send(100)
			s.Reply(300)
			s.Send(200)
			if tt.edit != nil {
				tt.edit(tr)
			}
			x, legs := legsOf(t, testindex.Of(tr))
			if tt.leg != nil {
				tt.leg(legs[0])
			}
			m := newTunnel(x, legs[0])
			if m.known != tt.known {
				t.Errorf("known %v, want %v", m.known, tt.known)
			}
			var got [2][]int64
			for d := range m.records {
				for i, p := range m.records[d] {
					got[d] = append(got[d], p.n)
					if k := m.bySize[d][p.n]; len(k) == 0 || k[len(k)-1] < i {
						t.Errorf("record %d of direction %d is not found by its length", i, d)
					}
				}
			}
			if s := fmt.Sprint(got[0], got[1]); tt.want != "" && s != tt.want {
				t.Errorf("records %s, want %s", s, tt.want)
			}
			if tt.want != "" && m.total != [2]int64{300, 300} {
				t.Errorf("%d bytes, want 300 of each side", m.total)
			}
		})
	}
}

// A tunnel holds a connection if as much went through it, unless it was not seen
// to its end.
func TestHolds(t *testing.T) {
	for _, tt := range []struct {
		name           string
		known          bool
		end            int64
		sent, received int64
		want           bool
	}{
		{"as much", true, 200, 100, 300, true},
		{"more was sent", true, 200, 101, 300, false},
		{"more was received", true, 200, 100, 301, false},
		{"not all is known", false, 200, 101, 301, true},
		{"it ended before", true, 199, 101, 301, true},
	} {
		m := tunnelWith(tt.known, run(100), run(100, 200))
		m.leg.End = capture.Time(tt.end)
		c := &inner{leg: between(0, 200)}
		c.leg.OrigBytes, c.leg.ReplyBytes = tt.sent, tt.received
		if got := m.holds(c); got != tt.want {
			t.Errorf("%s: holds %v, want %v", tt.name, got, tt.want)
		}
	}
}

// A tunnel is spent if nothing is left but heads, one more than connections, small
// frames, and as much as was not found of the connections.
func TestSpent(t *testing.T) {
	const frames = 2 * 9
	for _, tt := range []struct {
		name   string
		known  bool
		left   []int64 // records
		n      int
		unseen int64
		want   bool
	}{
		{"nothing left", true, nil, 1, 0, true},
		{"not all is known", false, nil, 1, 0, false},
		{"small frames", true, []int64{64, 64, 64}, 1, 0, true},
		{"a head and a greeting", true, []int64{65, 512}, 1, 0, true},
		{"one head more", true, []int64{65, 200, 512}, 1, 0, false},
		{"one head more, that may be of what was not found", true, []int64{65, 200, 512}, 1, 65 - frames, true},
		{"which is larger", true, []int64{65, 200, 512}, 1, 65 - frames - 1, false},
		{"the smallest are left over", true, []int64{512, 400, 65, 65}, 1, 2 * (65 - frames), true},
		{"heads of two connections", true, []int64{65, 200, 512}, 2, 0, true},
		{"something large", true, []int64{513}, 1, 0, false},
		{"something large, that may be of what was not found", true, []int64{513}, 1, 513 - frames, true},
		{"which is larger", true, []int64{513}, 1, 513 - frames - 1, false},
	} {
		for d := range 2 {
			var left [2][]record
			left[d] = append(run(tt.left...), record{n: 9999, gone: true}, record{n: 300, gone: true})
			m := tunnelWith(tt.known, left[0], left[1])
			unseen := [2]int64{}
			unseen[d] = tt.unseen
			if got := m.spent(tt.n, unseen); got != tt.want {
				t.Errorf("%s, direction %d: spent %v, want %v", tt.name, d, got, tt.want)
			}
		}
	}
}

// One that was read is spent if each of its streams has a connection.
func TestSpentStreams(t *testing.T) {
	for n, want := range map[int]bool{1: false, 2: true, 3: true} {
		m := tunnelWith(false, run(9999), nil)
		m.leg.Streams = make([]graph.Exchange, 2)
		if got := m.spent(n, [2]int64{}); got != want {
			t.Errorf("%d connections of 2 streams: spent %v, want %v", n, got, want)
		}
	}
}
