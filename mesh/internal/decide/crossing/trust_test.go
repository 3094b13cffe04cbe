package crossing

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testlegs"
)

// A time is whole if no hole touches it, up to Causality.
func TestWhole(t *testing.T) {
	const c = index.Causality
	holes := []scan.Span{{From: 1000 * us, To: 2000 * us}, {From: 5000 * us, To: 5000 * us}}
	for _, tt := range []struct {
		name     string
		holes    []scan.Span
		from, to int64
		want     bool
	}{
		{"no holes", nil, 0, 9000 * us, true},
		{"before the first", holes, 0, 1000*us - c - 1, true},
		{"as near as may be", holes, 0, 1000*us - c, false},
		{"within", holes, 1100 * us, 1200 * us, false},
		{"around", holes, 0, 9000 * us, false},
		{"after the first", holes, 2000*us + c + 1, 3000 * us, true},
		{"as near after it", holes, 2000*us + c, 3000 * us, false},
		{"up to the second", holes, 3000 * us, 5000*us - c, false},
		{"not up to it", holes, 3000 * us, 5000*us - c - 1, true},
		{"after the last", holes, 5000*us + c + 1, 6000 * us, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := (&Trust{holes: tt.holes}).whole(tt.from, tt.to); got != tt.want {
				t.Errorf("whole %v, want %v", got, tt.want)
			}
		})
	}
	u := exchange(proxyLeg(0), 3000*us, 4000*us)
	if !(&Trust{holes: holes}).Complete(u.Exchange) || (&Trust{holes: holes}).Complete(exchange(proxyLeg(0), 3000*us, 5000*us).Exchange) {
		t.Error("what was captured while an exchange went on is not told by its times")
	}
}

// A request line says something if there is more to its target than a slash, a body
// from 16 bytes on, if it is known whole.
func TestMarks(t *testing.T) {
	make := func() made { return exchange(clientLeg(0), 0, 100*us).asks("GET", "/a").body(16).returns(17) }
	for _, tt := range []struct {
		name string
		e    made
		want [3]bool
	}{
		{"all", make(), [3]bool{true, true, true}},
		{"a short target", make().asks("GET", "/"), [3]bool{false, true, true}},
		{"a cut head", make().request(scan.MsgCut), [3]bool{false, true, true}},
		{"a short body", make().body(15), [3]bool{true, false, true}},
		{"a short answer", make().returns(15), [3]bool{true, true, false}},
		{"as short as may be", make().returns(16), [3]bool{true, true, true}},
		{"without a request", make().unasked(), [3]bool{false, false, true}},
		{"without a response", make().unanswered(), [3]bool{true, true, false}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := Marks(tt.e.Exchange)
			if got := [3]bool{m[0] != 0, m[1] != 0, m[2] != 0}; got != tt.want {
				t.Errorf("marks %v, want %v", got, tt.want)
			}
		})
	}
	e := make()
	e.Req.Body.Known = fingerprint.KnownFirst
	e.Resp.Body.Known = fingerprint.KnownMiddle | fingerprint.KnownLast
	if m := Marks(e.Exchange); m[1] != 0 || m[2] != 0 {
		t.Errorf("marks of bodies that are not whole: %v", m)
	}
	a, b := Marks(make().Exchange), Marks(make().asks("GET", "/b").body(18).returns(19).Exchange)
	for i := range a {
		if a[i] == b[i] || a[i] != Marks(make().Exchange)[i] {
			t.Errorf("mark %d is %x of one and %x of another", i, a[i], b[i])
		}
	}
	p := whole(100, 7)
	for i, q := range []fingerprint.Print{{Len: 101, First: 7, Middle: 8, Last: 9}, {Len: 100, First: 6, Middle: 8, Last: 9}, {Len: 100, First: 7, Middle: 9, Last: 9}, {Len: 100, First: 7, Middle: 8, Last: 8}} {
		if hashPrint(p) == hashPrint(q) {
			t.Errorf("print %d has the same hash: %+v", i, q)
		}
	}
}

// Where not all was captured, it proves nothing that nothing else fits, unless ids or
// contents say so that stand in one exchange of either side alone.
func TestBelieves(t *testing.T) {
	hole := []scan.Span{{From: 0, To: 9000 * us}}
	mark := func(i int, n int) func(*Trust, made, made) {
		return func(t *Trust, d, u made) { t.down[Marks(d.Exchange)[i]], t.up[Marks(u.Exchange)[i]] = n, 1 }
	}
	for _, tt := range []struct {
		name  string
		holes []scan.Span
		like  Resemblance
		make  func(t *Trust, d, u made)
		want  bool
	}{
		{"all captured", nil, Resemblance{seen: seenRequest}, nil, true},
		{"not all", hole, Resemblance{seen: seenRequest}, nil, false},
		{"nothing compared", nil, Resemblance{}, nil, false},
		{"of a cut head", nil, Resemblance{cut: true}, nil, true},
		{"of a cut head, a slash", nil, Resemblance{cut: true}, func(_ *Trust, d, _ made) { d.asks("GET", "/") }, false},
		{"of a cut head, without the client's request", nil, Resemblance{cut: true}, func(_ *Trust, d, _ made) { d.unasked() }, false},
		{"of a cut head, without the server's", nil, Resemblance{cut: true}, func(_ *Trust, _, u made) { u.unasked() }, false},
		{"not all, one id", hole, Resemblance{seen: seenRequest, sameID: true}, nil, true},
		{"not all, one id and another line", hole, Resemblance{seen: seenRequest, sameID: true, otherLine: true}, nil, false},
		{"not all, a line of its own", hole, Resemblance{seen: seenRequest}, mark(0, 1), true},
		{"not all, a body of its own", hole, Resemblance{seen: seenRequest}, mark(1, 1), true},
		{"not all, an answer of its own", hole, Resemblance{seen: seenRequest}, mark(2, 1), true},
		{"not all, a body that another has too", hole, Resemblance{seen: seenRequest}, mark(1, 2), false},
		{"not all, an answer that another has on the other side", hole, Resemblance{seen: seenRequest}, func(t *Trust, d, u made) {
			mark(2, 1)(t, d, u)
			t.up[Marks(u.Exchange)[2]] = 2
		}, false},
		{"not all, another body", hole, Resemblance{seen: seenRequest}, func(t *Trust, d, u made) {
			u.body(40)
			mark(1, 1)(t, d, u)
		}, false},
		{"not all, no marks", hole, Resemblance{seen: seenRequest}, func(t *Trust, d, u made) {
			t.down[0], t.up[0] = 1, 1
			d.asks("GET", "/").body(1).returns(1)
			u.asks("GET", "/").body(1).returns(1)
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, u := exchange(clientLeg(0), 0, 100*us).asks("GET", "/a").body(30).returns(31), exchange(proxyLeg(0), 10*us, 90*us).asks("GET", "/a").body(30).returns(31)
			trust := &Trust{holes: tt.holes, down: make(map[uint64]int), up: make(map[uint64]int)}
			if tt.make != nil {
				tt.make(trust, d, u)
			}
			if got := trust.believes(d.Exchange, u.Exchange, &tt.like); got != tt.want {
				t.Errorf("believed %v, want %v", got, tt.want)
			}
		})
	}
}

// Holes are the times at which exchanges of the client's legs may not have been captured;
// marks are counted if there are any. For times alone it is enough that a leg began before
// the capture.
func TestNewTrust(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*pcap.Trace)
		holes int
		lives int
		any   bool // some leg of either side has a hole
	}{
		{"whole", func(*pcap.Trace) {}, 0, 0, false},
		{"without the clients' beginnings", func(tr *pcap.Trace) { dropSYN(tr, "eth0") }, 0, 1, true},
		{"without the clients' requests", func(tr *pcap.Trace) {
			tr.Filter(func(p *pcap.Packet) bool {
				return p.Interface != "eth0" || p.Flags&tcpip.FlagSYN == 0 && (p.Wire == 0 || p.Key.DstPort != 8080)
			})
		}, 1, 1, true},
		{"without the servers'", func(tr *pcap.Trace) { dropSYN(tr, "lo") }, 0, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			for i := range 2 {
				down, up := onEth0(tr, i), onLo(tr, i)
				down.Handshake()
				up.Handshake()
				down.Send("GET /a HTTP/1.1\r\nhost: app\r\n\r\n")
				up.Send("GET /a HTTP/1.1\r\nhost: app\r\n\r\n")
				up.Reply("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n12345678901234567890")
				down.Reply("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n12345678901234567890")
			}
			tt.spoil(tr)
			s := testlegs.Read(t, tr, "eth0")
			c := New(s.Index, nil, nil)
			c.Down, c.Up = s.Down, s.Up
			trust := NewTrust(c)
			differ := func(have, want int) bool { return have < want || want == 0 && have > 0 }
			if differ(len(trust.holes), tt.holes) || differ(len(trust.lives), tt.lives) || c.Holes() != tt.any {
				t.Errorf("%d holes in %d lives, any: %v; want at least %d in %d, none if 0, %v", len(trust.holes), len(trust.lives), c.Holes(), tt.holes, tt.lives, tt.any)
			}
			m := Marks(graph.ExchangesOf(c.Down)[0])
			want := 0
			if tt.holes > 0 {
				want = 2
			}
			if trust.up[m[2]] != want || trust.down[m[2]] != want || trust.down[0] != 0 {
				t.Errorf("marks are counted %d times, want %d", trust.down[m[2]], want)
			}
		})
	}
}

// A request id that several requests have with one line, neither copies nor attempts of
// one, proves nothing where packets are missing.
func TestLent(t *testing.T) {
	ask := func(i int, from int64) made { return exchange(clientLeg(i), from, from+1000*us).id("a") }
	try := func(i int, from int64, status uint16) made {
		return exchange(proxyLeg(i), from, from+1000*us).id("a").status(status)
	}
	for _, tt := range []struct {
		name  string
		downs []made
		ups   []made
		want  bool // it proves
	}{
		{"one", []made{ask(0, 0)}, []made{try(0, 0, 200)}, true},
		{"asked twice", []made{ask(0, 0), ask(1, 5000*us)}, []made{try(0, 0, 200)}, false},
		{"asked for two things", []made{ask(0, 0), ask(1, 5000*us).asks("GET", "/b")}, []made{try(0, 0, 200)}, true},
		{"with another id", []made{ask(0, 0), ask(1, 5000*us).id("b")}, []made{try(0, 0, 200)}, true},
		{"sent twice", []made{ask(0, 0)}, []made{try(0, 0, 200), try(1, 5000*us, 200)}, false},
		{"sent twice at once: a copy", []made{ask(0, 0)}, []made{try(0, 0, 200), try(1, 500*us, 200)}, true},
		{"sent again after it failed", []made{ask(0, 0)}, []made{try(0, 0, 503), try(1, 5000*us, 200)}, true},
		{"without an id", []made{exchange(clientLeg(0), 0, us), exchange(clientLeg(1), 5*us, 6*us)}, []made{exchange(proxyLeg(0), 0, us)}, true},
	} {
		c := between(tt.downs, tt.ups)
		d, u := &c.Down[0].Exchanges[0], &c.Up[0].Exchanges[0]
		trust := &Trust{lent: lent(graph.ExchangesOf(c.Down), graph.ExchangesOf(c.Up))}
		if !trust.proves(d, u) {
			t.Errorf("%s: proves nothing, though all was captured", tt.name)
		}
		trust.holes = []scan.Span{{From: 0, To: 10000 * us}}
		if got := trust.proves(d, u); got != tt.want {
			t.Errorf("%s: proves %v, want %v", tt.name, got, tt.want)
		}
	}
}
