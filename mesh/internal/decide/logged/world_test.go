package logged

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// begin is when all worlds begin. Times of tests are milliseconds after it.
var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano()

// ms turns a time of a test into nanoseconds since 1970.
func ms(at float64) int64 { return begin + span(at) }

// span turns milliseconds into nanoseconds.
func span(d float64) int64 { return int64(math.Round(d * 1e6)) }

// What clients dial, and the servers behind the proxy.
const (
	service = "10.96.10.1:80"
	server  = "10.0.9.1:8080"
)

// clientEnd and proxyEnd are the ends of the n-th legs on both sides.
func clientEnd(n int) string { return fmt.Sprintf("10.0.0.%d:%d", n+1, 40000+n) }
func proxyEnd(n int) string  { return fmt.Sprintf("10.244.1.10:%d", 50000+n) }

// A world is what is captured on both sides of a proxy, and the proxy's log.
type world struct {
	tr     pcap.Trace
	clock  float64
	todo   []event
	ends   [2]int // ends of legs on each side
	opened uint32
	logs   [][]line
	names  map[netip.AddrPort]string // by clients' ends of legs
	c      *crossing.Crossing
}

// An event happens at a time of the test.
type event struct {
	at float64
	do func()
}

// do plans something.
func (w *world) do(at float64, f func()) { w.todo = append(w.todo, event{at, f}) }

// play lets all happen that is planned, in the order of time.
func (w *world) play() {
	slices.SortStableFunc(w.todo, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	for _, e := range w.todo {
		w.tr.Wait(time.Duration(span(e.at - w.clock)))
		w.clock = e.at
		e.do()
	}
	w.todo = nil
}

// A wire is a connection on one side of the proxy. Its packets take no time.
type wire struct {
	*pcap.Connection
	w   *world
	src string
	h   *[2]*pcap.H2 // of the client and of the server; nil: HTTP/1.1
	s   *pcap.TLSConnection
	n   uint32 // streams so far
}

// wire adds the next connection of a side.
func (w *world) wire(on side, src, dst string) *wire {
	w.opened++
	c := w.tr.Conn(src, dst).At(0, "eth0").Step(0).ISN(w.opened*1_000_000, w.opened*2_000_000)
	if w.names == nil {
		w.names = make(map[netip.AddrPort]string)
	}
	w.names[netip.MustParseAddrPort(src)] = fmt.Sprint([2]string{"d", "u"}[on], w.ends[on])
	w.ends[on]++
	return &wire{Connection: c, w: w, src: src}
}

// down and up add connections, opened at a time.
func (w *world) down(at float64) *wire {
	l := w.wire(downstream, clientEnd(w.ends[downstream]), service)
	w.do(at, l.Handshake)
	return l
}

func (w *world) up(at float64) *wire {
	l := w.wire(upstream, proxyEnd(w.ends[upstream]), server)
	w.do(at, l.Handshake)
	return l
}

// mux makes a connection speak HTTP/2 from a time on.
func (l *wire) mux(at float64) *wire {
	l.h = &[2]*pcap.H2{pcap.NewH2(), pcap.NewH2()}
	l.w.do(at, func() {
		l.Send(l.h[0].Preface())
		l.Reply(l.h[1].Settings() + l.h[1].SettingsAck())
		l.Send(l.h[0].SettingsAck())
	})
	return l
}

// seal makes a connection speak TLS from a time on.
func (l *wire) seal(at float64, o pcap.TLSConfig) *wire {
	l.w.do(at, func() { l.s = l.TLS(o) })
	return l
}

// bytes plans that a client says something, and its server answers.
func (l *wire) bytes(at, end float64, sent, answered string) *wire {
	l.w.do(at, func() { l.Send(sent) })
	l.w.do(end, func() { l.Reply(answered) })
	return l
}

// refuse adds a connection behind the proxy that is refused at once.
func (w *world) refuse(at float64) *wire {
	l := w.wire(upstream, proxyEnd(w.ends[upstream]), server)
	w.do(at, func() {
		l.SYN()
		l.Refuse()
	})
	return l
}

// relay makes a connection behind the proxy carry the very bytes of a client's from a
// time on, while that does something.
func (w *world) relay(d, u *wire, at float64, do func()) {
	w.do(at, func() {
		n := w.tr.Len()
		do()
		var said []*pcap.Packet
		for i := w.tr.Len() - n - 1; i >= 0; i-- {
			said = append(said, w.tr.Last(i))
		}
		for _, p := range said {
			switch client := p.Key.Tuple().Src.String() == d.src; {
			case len(p.Bytes) == 0:
			case client:
				u.Send(string(p.Bytes))
			default:
				u.Reply(string(p.Bytes))
			}
		}
	})
}

// A call is an exchange: when it is asked and answered, and what.
type call struct {
	at, end float64
	target  string   // "" = /
	status  int      // 0 = 200
	sent    string   // the request's body
	body    string   // the response's
	fields  []string // of the request
}

// say plans an exchange on a connection.
func (l *wire) say(k call) {
	stream := l.n*2 + 1
	l.n++
	method, status := "GET", cmp.Or(k.status, 200)
	if k.sent != "" {
		method = "POST"
	}
	l.w.do(k.at, func() {
		if l.s != nil {
			l.s.Send(100 + len(k.sent))
			return
		}
		if l.h == nil {
			fields := append([]string{"host: app"}, k.fields...)
			if k.sent != "" {
				fields = append(fields, fmt.Sprint("content-length: ", len(k.sent)))
			}
			l.Send(method + " " + cmp.Or(k.target, "/") + " HTTP/1.1\r\n" + strings.Join(fields, "\r\n") + "\r\n\r\n" + k.sent)
			return
		}
		fields := []string{":method", method, ":scheme", "http", ":path", cmp.Or(k.target, "/"), ":authority", "app"}
		for _, f := range k.fields {
			name, value, _ := strings.Cut(f, ": ")
			fields = append(fields, name, value)
		}
		l.Send(l.h[0].Headers(stream, true, fields...))
	})
	if k.end == 0 { // never
		return
	}
	l.w.do(k.end, func() {
		if l.s != nil {
			l.s.Reply(200 + len(k.body))
			return
		}
		if l.h == nil {
			l.Reply(fmt.Sprintf("HTTP/1.1 %d OK\r\ncontent-length: %d\r\n\r\n%s", status, len(k.body), k.body))
			return
		}
		l.Reply(l.h[1].Headers(stream, true, ":status", fmt.Sprint(status)))
	})
}

// through plans an exchange that the proxy carries on from d to u: a millisecond
// later and a millisecond less, and logs.
func (w *world) through(d, u *wire, k call) {
	d.say(k)
	b := k
	b.at, b.end = k.at+1, k.end-1
	u.say(b)
}

// index captures the world.
func (w *world) index(t *testing.T) *index.Index {
	t.Helper()
	w.play()
	in, err := capture.OpenInput(t.Context(), pcap.WriteFile(t, "trace.pcapng", w.tr.PCAPNG()), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	g, _, err := index.Read(t.Context(), []*capture.Input{in}, "", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	x := new(index.Index)
	x.Add(g)
	return x
}

// read captures the world, and makes it a crossing with its log.
func (w *world) read(t *testing.T, format string) {
	t.Helper()
	x := w.index(t)
	rs := w.records(t, x, format)
	legs := graph.Legs(x, conn.Bind(x, rs.NAT))
	if len(legs) != int(w.opened) {
		t.Fatalf("%d legs of %d connections", len(legs), w.opened)
	}
	for _, l := range legs {
		l.Role = flow.RoleClientProxy
		if w.name(l)[0] == 'u' {
			l.Role = flow.RoleProxyServer
		}
		l.Views = []graph.View{{Role: l.Role}}
	}
	graph.FindExchanges(x, legs)
	w.c = crossing.New(x, rs, graph.NewLedger(rs.Lines, legs))
	for _, l := range legs {
		if l.Role == flow.RoleClientProxy {
			w.c.Down = append(w.c.Down, l)
		} else {
			w.c.Up = append(w.c.Up, l)
		}
	}
	w.c.Trust = crossing.NewTrust(w.c)
}

// name is d0 of the first client's leg, u0 of the first leg behind.
func (w *world) name(l *graph.Leg) string {
	if l == nil {
		return "-"
	}
	return w.names[l.Orig.Src]
}

// leg returns the leg with a name.
func (w *world) leg(name string) *graph.Leg {
	for _, l := range slices.Concat(w.c.Down, w.c.Up) {
		if w.name(l) == name {
			return l
		}
	}
	panic("no leg " + name)
}

// exchange is d0/1 of the second exchange of the first client's leg.
func (w *world) exchange(l *graph.Leg, e *graph.Exchange) string {
	if e == nil {
		return w.name(l)
	}
	return fmt.Sprint(w.name(e.Leg), "/", e.No)
}

// told lists which line each exchange and leg is told of by, as "d0/1: 2".
func (w *world) told() (out []string) {
	for _, l := range slices.Concat(w.c.Down, w.c.Up) {
		if l.Log != nil {
			out = append(out, fmt.Sprint(w.name(l), ": ", l.Log.Source(w.c.Records.Files).Line))
		}
		for _, e := range told(l) {
			if e.Log != nil {
				out = append(out, fmt.Sprint(w.exchange(l, e), ": ", e.Log.Source(w.c.Records.Files).Line))
			}
		}
	}
	return out
}

// links lists what is tied, as "d0/1 > u0/0", with #2 behind a second attempt.
func (w *world) links() (out []string) {
	for _, l := range w.c.Links {
		s := w.exchange(l.From, l.Down) + " > " + w.exchange(l.To, l.Up)
		if l.Attempt != 1 {
			s += fmt.Sprint("#", l.Attempt)
		}
		out = append(out, s)
	}
	return out
}

// limits lists between which exchanges a log leaves the choice, as "d0/0: u0/0 u0/1".
func (w *world) limits() (out []string) {
	for e, to := range w.c.Limits {
		s := w.exchange(nil, e) + ":"
		for _, o := range to {
			s += " " + w.exchange(nil, o)
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// conflicts lists what packets say against the log, as "2 d0: ..." of the second line.
func (w *world) conflicts() (out []string) {
	for _, k := range w.c.Conflicts {
		s := fmt.Sprint(k.Source.Line, " ")
		for _, l := range slices.Concat(w.c.Down, w.c.Up) {
			if l.ID == k.Leg {
				s += w.name(l)
			}
		}
		out = append(out, s+": "+k.Packets)
	}
	return out
}
