package trace

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A world is legs with their exchanges, and links between them.
type world struct {
	legs  []*graph.Leg
	links []*graph.Link
	scan  *scan.Scan
}

// whole stands for a leg in place of one of its exchanges.
const whole = -1

// leg adds a leg on which exchanges go on one after the other: "GET /a 200", or
// "- 200" and "GET /a -" if half of it was not captured, with a request id behind it.
// Leg n begins at n µs, and its k-th request 10 µs later for each k.
func (w *world) leg(role flow.Role, exchanges ...string) *graph.Leg {
	if w.scan == nil {
		w.scan = scan.New(new(reassembly.Table), nil)
	}
	n := len(w.legs)
	l := &graph.Leg{Leg: &flow.Leg{ID: n, Role: role, Start: capture.Time(at(n, 0)), End: capture.Time(at(n, len(exchanges)+1))}, Conn: new(conn.Conn)}
	l.Conn.Pair = index.Pair{Orig: 1, Reply: 2}
	l.Orig = tcpip.Tuple{Proto: tcpip.ProtoTCP, Src: client(n), Dst: server(n)}
	for k, s := range exchanges {
		l.Exchanges = append(l.Exchanges, w.exchange(l, k, strings.Fields(s)))
	}
	w.legs = append(w.legs, l)
	return l
}

func at(leg, k int) int64 { return int64(leg)*1000 + int64(k)*10_000 }

func client(leg int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(leg)}), 40000)
}

func server(leg int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(leg)}), 80)
}

func (w *world) exchange(l *graph.Leg, k int, words []string) graph.Exchange {
	e := graph.Exchange{Leg: l, No: k, Scan: w.scan, RespScan: w.scan, Floor: int64(l.Start)}
	begin := at(l.ID, k)
	if words[0] != "-" {
		e.Req = &scan.Message{Start: int64(100 * k), End: int64(100*k + 50), From: scan.Instant{Nanos: begin + 1}, To: scan.Instant{Nanos: begin + 2},
			Method: w.scan.Text.Keep([]byte(words[0])), Target: w.scan.Text.Keep([]byte(words[1])), Flags: scan.MsgRequest | scan.MsgComplete}
		words = words[1:]
	}
	if words[1] != "-" {
		e.Resp = &scan.Message{Start: int64(200 * k), End: int64(200*k + 60), From: scan.Instant{Nanos: begin + 3}, To: scan.Instant{Nanos: begin + 4}, Flags: scan.MsgComplete}
		fmt.Sscan(words[1], &e.Resp.Status)
	}
	if len(words) > 2 {
		id := w.scan.Text.Keep([]byte(words[2]))
		if e.Req != nil {
			e.Req.ID = id
		} else {
			e.Resp.ID = id
		}
	}
	return e
}

// tie adds a proven link from one exchange to another, or between whole legs.
func (w *world) tie(from *graph.Leg, down int, to *graph.Leg, up int) *graph.Link {
	l := &graph.Link{From: from, To: to, Attempt: 1, Confidence: 0.9, Proven: true}
	if down != whole {
		l.Down = &from.Exchanges[down]
	}
	if up != whole {
		l.Up = &to.Exchanges[up]
	}
	w.links = append(w.links, l)
	return l
}

// guess adds an ambiguous link.
func (w *world) guess(from *graph.Leg, down int, to *graph.Leg, up int) *graph.Link {
	l := w.tie(from, down, to, up)
	l.Ambiguous, l.Proven = true, false
	return l
}

// paths traces the world, and describes its paths.
func (w *world) paths() (out []string) {
	for _, p := range Trace(new(index.Index), w.legs, w.links) {
		out = append(out, describe(p))
	}
	return out
}

// describe writes a path as "outbound 0,1 joined complete: GET /a 200 proven 0 1",
// its exchanges with their hops behind them; ?1 is a hop that is a guess, 1#2 a second
// attempt.
func describe(p *Path) string {
	var b strings.Builder
	fmt.Fprint(&b, p.Direction, " ", list(p.Legs))
	for _, f := range []struct {
		name string
		is   bool
	}{{"joined", p.Joined}, {"complete", p.Complete}, {"ambiguous", p.Ambiguous}} {
		if f.is {
			b.WriteString(" " + f.name)
		}
	}
	if p.Own != nil {
		fmt.Fprintf(&b, " own %d", len(p.Own))
	}
	for i := range p.Exchanges {
		x := &p.Exchanges[i]
		fmt.Fprintf(&b, ": %s", strings.Join(strings.Fields(fmt.Sprintf("%s %s %d", x.Method, x.Target, x.Status)), " "))
		if x.Proven {
			b.WriteString(" proven")
		}
		for k := range x.Hops {
			b.WriteString(" " + hop(&x.Hops[k]))
		}
		if x.ID != i || len(p.Steps[i]) != len(x.Hops) {
			fmt.Fprintf(&b, " (number %d, %d steps)", x.ID, len(p.Steps[i]))
		}
	}
	return b.String()
}

func hop(h *flow.Hop) string {
	s := fmt.Sprint(h.Leg)
	if h.Ambiguous {
		s = "?" + s
	}
	if h.Copy {
		s += "copy"
	}
	if h.Attempt != 1 {
		s += fmt.Sprint("#", h.Attempt)
	}
	return s
}

func list(ids []int) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(ids), "[]"), " ", ",")
}
