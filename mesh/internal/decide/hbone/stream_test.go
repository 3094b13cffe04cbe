package hbone

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
)

// plainLegs makes connections on loopback, each of which says two words and ends.
func plainLegs(t *testing.T, words ...[2]string) (*index.Index, []*graph.Leg) {
	t.Helper()
	tr := new(pcap.Trace)
	for i, w := range words {
		c := testindex.On(tr, "lo", fmt.Sprintf("10.244.9.9:%d", 20000+2*i), app).ISN(uint32(i+1)*1_000_003, uint32(i+1)*2_000_003)
		c.Handshake()
		if w[0] != "" {
			c.Send(w[0])
		}
		if w[1] != "" {
			c.Reply(w[1])
		}
		c.Close()
	}
	return legsOf(t, testindex.Of(tr))
}

// body makes a message whose content is that of a half.
func body(x *index.Index, h index.HalfNo, when int64) *scan.Message {
	m := &scan.Message{From: scan.Instant{Nanos: when}, Flags: scan.MsgComplete | scan.MsgRequest, Body: x.Content(h).Print}
	m.Body.Len = x.Length(h)
	return m
}

// connect is a stream that carried what a leg did, to a target.
func connect(x *index.Index, l *graph.Leg, target string, when int64) graph.Exchange {
	s := new(scan.Scan)
	e := graph.Exchange{Scan: s, Req: body(x, l.Conn.Orig, when), Resp: body(x, l.Conn.Reply, when)}
	e.Req.Target = s.Text.Keep([]byte(target))
	return e
}

// A half may be a body by its length, and by its content as far as both are known.
func TestSameContent(t *testing.T) {
	x, legs := plainLegs(t, [2]string{"hello", "hi"}, [2]string{"world", "hi"}, [2]string{"", "hi"})
	hello, world, mute := legs[0].Conn.Orig, legs[1].Conn.Orig, legs[2].Conn.Orig
	of := func(h index.HalfNo, change func(m *scan.Message)) *scan.Message {
		m := body(x, h, 0)
		if change != nil {
			change(m)
		}
		return m
	}
	for _, tt := range []struct {
		name  string
		h     index.HalfNo
		m     *scan.Message
		twist func(r *scan.Content)
		want  bool
	}{
		{"the same", hello, of(hello, nil), nil, true},
		{"other words of that length", hello, of(world, nil), nil, false},
		{"other words, of which only the length is known", hello, of(world, func(m *scan.Message) { m.Body.Known = 0 }), nil, true},
		{"a byte more", hello, of(hello, func(m *scan.Message) { m.Body.Len++ }), nil, false},
		{"a byte more, of a body that is not complete", hello, of(hello, func(m *scan.Message) { m.Body.Len++; m.Flags = 0 }), nil, true},
		{"a byte more, of a body that went on", hello, of(hello, func(m *scan.Message) { m.Body.Len++; m.Flags |= scan.MsgOpen }), nil, true},
		{"a byte more than a half that is not whole", hello, of(hello, func(m *scan.Message) { m.Body.Len++ }), func(r *scan.Content) { r.Lost = 1 }, true},
		{"of no known length", hello, of(hello, func(m *scan.Message) { m.Body = fingerprint.Print{Len: fingerprint.UnknownLen} }), nil, true},
		{"other words of a body that is not complete", hello, of(world, func(m *scan.Message) { m.Flags = 0 }), nil, false},
		{"other words of a body that is not complete nor known", hello, of(world, func(m *scan.Message) { m.Flags, m.Body.Known = 0, fingerprint.KnownLast }), nil, true},
		{"other words than those of a half of which they are not known", hello, of(world, func(m *scan.Message) { m.Flags = 0 }), func(r *scan.Content) { r.Print.Known = fingerprint.KnownLast }, true},
		{"of a print that is not complete", hello, of(world, nil), func(r *scan.Content) { r.Print.Known &^= fingerprint.KnownLast }, false},
		{"no half", 0, of(hello, nil), nil, true},
		{"no body", hello, nil, nil, true},
		{"nothing said", mute, of(hello, func(m *scan.Message) { m.Body = fingerprint.Print{} }), nil, true},
		{"nothing said of what is not known", mute, of(hello, func(m *scan.Message) { m.Body = fingerprint.Print{Len: fingerprint.UnknownLen} }), nil, true},
		{"nothing said of something", mute, of(hello, func(m *scan.Message) { m.Body.Len = 1 }), nil, false},
		{"nothing said yet of something", mute, of(hello, nil), func(r *scan.Content) { r.Open = true }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.twist != nil {
				r := x.Content(tt.h)
				old := *r
				tt.twist(r)
				defer func() { *r = old }()
			}
			if got := sameContent(x, tt.h, tt.m); got != tt.want {
				t.Errorf("the same %v, want %v", got, tt.want)
			}
		})
	}
}

// A stream carried a connection by what is dialled, by time, and by contents.
func TestCarried(t *testing.T) {
	const slack = index.Causality
	x, legs := plainLegs(t, [2]string{"hello", "hi"}, [2]string{"world", "ho"})
	l := legs[0]
	l.Start = 1_000_000
	for _, tt := range []struct {
		name    string
		inbound bool
		e       graph.Exchange
		want    bool
	}{
		{"into the pod", true, connect(x, l, app, int64(l.Start)), true},
		{"to another end", true, connect(x, l, vip, int64(l.Start)), false},
		{"to a name", true, connect(x, l, "app:8080", int64(l.Start)), true},
		{"out of the pod, to a service", false, connect(x, l, vip, int64(l.Start)), true},
		{"as early as it was asked for", true, connect(x, l, app, int64(l.Start+slack)), true},
		{"before it was asked for", true, connect(x, l, app, int64(l.Start+slack+1)), false},
		{"long after", true, connect(x, l, app, int64(l.Start-slack-1)), true},
		{"as early as it was dialled", false, connect(x, l, vip, int64(l.Start-slack)), true},
		{"before it was dialled", false, connect(x, l, vip, int64(l.Start-slack-1)), false},
		{"long after that", false, connect(x, l, vip, int64(l.Start+slack+1)), true},
		{"other words asked", true, graph.Exchange{Scan: new(scan.Scan), Req: body(x, legs[1].Conn.Orig, int64(l.Start)), Resp: body(x, l.Conn.Reply, 0)}, false},
		{"other words answered", true, graph.Exchange{Scan: new(scan.Scan), Req: body(x, l.Conn.Orig, int64(l.Start)), Resp: body(x, legs[1].Conn.Reply, 0)}, false},
		{"not asked in the capture", true, graph.Exchange{Resp: body(x, l.Conn.Reply, 0)}, true},
		{"not asked in the capture, out of the pod", false, graph.Exchange{Resp: body(x, l.Conn.Reply, 0)}, true},
	} {
		u := &tunnelling{x: x, inbound: tt.inbound}
		if got := u.carried(l, &tt.e); got != tt.want {
			t.Errorf("%s: carried %v, want %v", tt.name, got, tt.want)
		}
	}
}

// A CONNECT tells whose connection it is for. Of one that was turned away nothing went
// through, so that only its time is compared.
func TestCarriedFor(t *testing.T) {
	const ms = int64(1_000_000)
	x, legs := plainLegs(t, [2]string{"hello", "hi"}, [2]string{"hello", ""}, [2]string{"", ""})
	full, asked, mute := legs[0], legs[1], legs[2]
	for _, l := range legs {
		l.Start, l.End = capture.Time(10*ms), capture.Time(20*ms)
	}
	stream := func(by string, status uint16, at int64) graph.Exchange {
		e := connect(x, full, vip, 10*ms)
		if status != 200 { // nothing went through
			e.Req.Body, e.Resp.Body = fingerprint.Print{}, fingerprint.Print{}
		}
		if by != "" {
			e.Req.Forwarded = e.Scan.Text.Keep([]byte(by))
		}
		e.Resp.Status, e.Resp.From.Nanos = status, at
		e.Resp.Flags &^= scan.MsgRequest
		return e
	}
	own, other := `for="`+full.Orig.Src.String()+`";host=svc`, `host=svc; for="10.244.9.9:1"`
	for _, tt := range []struct {
		name    string
		inbound bool
		l       *graph.Leg
		e       graph.Exchange
		want    bool
	}{
		{"its own", false, full, stream(own, 200, 12*ms), true},
		{"another's, with the same words", false, full, stream(other, 200, 12*ms), false},
		{"of nobody that can be told", false, full, stream("for=unknown", 200, 12*ms), true},
		{"another's, out of the tunnel, where the port is the proxy's", true, full, func() graph.Exchange {
			e := stream(other, 200, 12*ms)
			e.Req.Target = e.Scan.Text.Keep([]byte(app))
			return e
		}(), true},
		{"turned away", false, asked, stream("", 503, 12*ms), true},
		{"turned away before it was there", false, asked, stream("", 503, 9*ms), false},
		{"turned away after it was gone", false, asked, stream("", 503, 21*ms), false},
		{"turned away, but something came back", false, full, stream("", 503, 12*ms), false},
		{"refused by the application before", true, mute, func() graph.Exchange {
			e := stream("", 503, 20*ms)
			e.Req.Target = e.Scan.Text.Keep([]byte(app))
			return e
		}(), true},
		{"the application refused it later", true, mute, func() graph.Exchange {
			e := stream("", 503, 19*ms)
			e.Req.Target = e.Scan.Text.Keep([]byte(app))
			return e
		}(), false},
		{"turned away, and the application heard something", true, asked, func() graph.Exchange {
			e := stream("", 503, 20*ms)
			e.Req.Target = e.Scan.Text.Keep([]byte(app))
			return e
		}(), false},
	} {
		u := &tunnelling{x: x, inbound: tt.inbound}
		if got := u.carried(tt.l, &tt.e); got != tt.want {
			t.Errorf("%s: carried %v, want %v", tt.name, got, tt.want)
		}
	}
}

// streaming makes the inbound side of a pod whose tunnels have been read; streams
// carry the legs whose numbers they have.
func streaming(x *index.Index, legs []*graph.Leg, tunnels ...[]int) *tunnelling {
	u := &tunnelling{x: x, inbound: true}
	for i, carries := range tunnels {
		m := &tunnel{leg: between(0, 1<<62)}
		m.leg.ID, m.leg.Conn = 100+i, legs[0].Conn
		for _, k := range carries {
			m.leg.Streams = append(m.leg.Streams, connect(x, legs[k], app, 0))
		}
		u.tunnels = append(u.tunnels, m)
	}
	for _, l := range legs {
		u.inner = append(u.inner, &inner{leg: l, in: -1})
	}
	return u
}

// Streams are looked up by what the client sent; where that is not known, all are
// tried.
func TestCarriers(t *testing.T) {
	x, legs := plainLegs(t, [2]string{"hello", "hi"}, [2]string{"you", "hi"}, [2]string{"", "hi"})
	for _, tt := range []struct {
		name  string
		twist func(u *tunnelling)
		want  string
	}{
		{"each its own", func(u *tunnelling) {}, "[[0] [1] []]"},
		{"one that went on", func(u *tunnelling) {
			u.tunnels[0].leg.Streams[0].Req.Flags |= scan.MsgOpen
			u.tunnels[0].leg.Streams[0].Req.Body = fingerprint.Print{Len: 5}
		}, "[[0] [0 1] []]"},
		{"one that is not complete", func(u *tunnelling) {
			u.tunnels[0].leg.Streams[0].Req.Flags = 0
			u.tunnels[0].leg.Streams[0].Req.Body = fingerprint.Print{Len: 5}
		}, "[[0] [0 1] []]"},
		{"one that was not seen asked", func(u *tunnelling) { u.tunnels[0].leg.Streams[0].Req = nil }, "[[0] [0 1] [0]]"},
		{"one that had ended", func(u *tunnelling) { u.tunnels[0].leg.End = 0 }, "[[] [1] []]"},
		{"one that was asked later", func(u *tunnelling) { u.tunnels[1].leg.Streams[0].Req.From.Nanos = 1 << 62 }, "[[0] [] []]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := streaming(x, legs, []int{0}, []int{1})
			tt.twist(u)
			got := u.carriers([]tunnelStream{{0, &u.tunnels[0].leg.Streams[0]}, {1, &u.tunnels[1].leg.Streams[0]}})
			for i := range got {
				slices.Sort(got[i])
			}
			if s := fmt.Sprint(got); s != tt.want {
				t.Errorf("carriers %s, want %s", s, tt.want)
			}
		})
	}
}

// A half that was not seen to its end may be in any stream that begins like it.
func TestCarriersOfPart(t *testing.T) {
	x, legs := plainLegs(t, [2]string{"hello", "hi"}, [2]string{"you", "hi"})
	x.Content(legs[0].Conn.Orig).Lost = 1
	u := streaming(x, legs, []int{0, 1})
	u.tunnels[0].leg.Streams[0].Req.Body.Len = 50
	got := u.carriers([]tunnelStream{{0, &u.tunnels[0].leg.Streams[0]}, {0, &u.tunnels[0].leg.Streams[1]}})
	if s := fmt.Sprint(got); s != "[[0] [1]]" {
		t.Errorf("carriers %s, want [[0] [1]]", s)
	}
}

// A connection whose stream is forced is proven; where streams of several tunnels
// carried the same, these are rivals; of one tunnel the tunnel is sure.
func TestJoinStreams(t *testing.T) {
	for _, tt := range []struct {
		name    string
		words   [][2]string
		tunnels [][]int
		want    []string // leg, tunnel, rivals, confidence, whether proven, whether its stream is known
	}{
		{"one each", [][2]string{{"hello", "hi"}, {"you", "hi"}}, [][]int{{0}, {1}}, []string{"100>0 [] 0.999 true true", "101>1 [] 0.999 true true"}},
		{"none read", [][2]string{{"hello", "hi"}}, [][]int{{}}, nil},
		{"none that fits", [][2]string{{"hello", "hi"}, {"you", "hi"}}, [][]int{{0}}, []string{"100>0 [] 0.999 true true"}},
		{"alike in two tunnels", [][2]string{{"hello", "hi"}}, [][]int{{0}, {0}}, []string{"100>0 [101] 0.5 false false"}},
		{"alike in three tunnels, twice in one", [][2]string{{"hello", "hi"}}, [][]int{{0}, {0, 0}, {0}}, []string{"100>0 [101 102] 0.3333 false false"}},
		{"alike in one tunnel", [][2]string{{"hello", "hi"}}, [][]int{{0, 0}}, []string{"100>0 [] 0.999 true true"}},
		{"two alike, both carried", [][2]string{{"hello", "hi"}, {"hello", "hi"}}, [][]int{{0}, {0}}, []string{"100>0 [101] 0.5 false false", "101>1 [100] 0.5 false false"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x, legs := plainLegs(t, tt.words...)
			u := streaming(x, legs, tt.tunnels...)
			u.joinStreams()
			var got []string
			for _, l := range u.links {
				var rivals []int
				for _, r := range l.Rivals {
					rivals = append(rivals, r.Leg.ID)
				}
				got = append(got, fmt.Sprintf("%d>%d %v %.4g %v %v", l.From.ID, l.To.ID, rivals, l.Confidence, l.Proven, l.Stream != nil))
				if l.Ambiguous != (len(rivals) > 0) || u.inner[l.To.ID].in != map[bool]int{true: -1, false: l.From.ID - 100}[l.Ambiguous] {
					t.Errorf("ambiguous %v, tunnel %d is sure", l.Ambiguous, u.inner[l.To.ID].in)
				}
				if e := l.Evidence[0]; e.Kind != flow.SameBytes || e.Detail != fmt.Sprintf("CONNECT %s in the tunnel: %d bytes sent and %d received", app, l.To.Sent(), l.To.Received()) || len(e.Packets) != 2 {
					t.Errorf("evidence %+v", e)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("links %q, want %q", got, tt.want)
			}
		})
	}
}

// A decrypted tunnel of which not all is tied is HTTP/2 like any other.
func TestOpenTunnels(t *testing.T) {
	for _, tt := range []struct {
		tunnel, decrypted, spent, want bool
	}{{true, true, false, true}, {true, true, true, false}, {true, false, false, false}, {false, true, false, false}} {
		l := between(0, 1)
		l.Tunnel, l.Decrypted, l.Spent, l.Streams = tt.tunnel, tt.decrypted, tt.spent, make([]graph.Exchange, 2)
		OpenTunnels([]*graph.Leg{l})
		if l.Opened != tt.want || (len(l.Exchanges) == 2) != tt.want {
			t.Errorf("%+v: opened %v, %d exchanges", tt, l.Opened, len(l.Exchanges))
		}
	}
}
