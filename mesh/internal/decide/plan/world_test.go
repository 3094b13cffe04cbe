package plan_test

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/plan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/trace"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// A world is a capture of connections, each a leg, and the links between them.
type world struct {
	tr    pcap.Trace
	conns int
	x     *index.Index
	legs  []*graph.Leg
	links []*graph.Link
	paths []*trace.Path
}

// whole stands for a leg in place of one of its exchanges.
const whole = -1

func get(target string) string { return sim.Request("GET", target) }

var ok = sim.Response(200, "ok")

// open adds a connection with its handshake. The n-th is leg n.
func (w *world) open() *pcap.Connection {
	c := w.conn()
	c.Handshake()
	return c
}

// talk adds a connection with exchanges of reqLen and respLen bytes.
func (w *world) talk(targets ...string) {
	c := w.open()
	for _, target := range targets {
		c.Send(get(target))
		c.Reply(ok)
	}
	c.Close()
}

// atOnce adds a connection for each target; all are asked before the first is answered.
func (w *world) atOnce(targets ...string) {
	var cs []*pcap.Connection
	for range targets {
		cs = append(cs, w.open())
	}
	for i, target := range targets {
		cs[i].Send(get(target))
	}
	for _, c := range cs {
		c.Reply(ok)
		c.Close()
	}
}

// unanswered adds a connection with a request only.
func (w *world) unanswered(target string) {
	c := w.open()
	c.Send(get(target))
	c.Close()
}

// offers makes the first leg one that cannot be read, whose client offers protocols.
func (w *world) offers(protocols ...string) {
	w.outline(0)
	w.legs[0].TLS.ALPN = protocols
	for i := range w.legs[0].Exchanges {
		w.tie(0, i, i+1, 0)
	}
}

// say adds a connection on which something that is no HTTP is said.
func (w *world) say(text string) {
	c := w.open()
	if text != "" {
		c.Send(text)
	}
	c.Close()
}

// mux adds a connection that speaks HTTP/2, with one stream for each target.
func (w *world) mux(targets ...string) {
	m := sim.Mux(w.conn())
	for i, target := range targets {
		m.Ask(uint32(2*i+1), "GET", target, "")
		m.Answer(uint32(2*i+1), 200, "ok")
	}
	m.Close()
}

// conn adds a connection of which nothing has been captured yet.
func (w *world) conn() *pcap.Connection {
	c := w.tr.Conn(fmt.Sprintf("10.0.0.%d:40000", w.conns), fmt.Sprintf("10.0.1.%d:80", w.conns)).At(0, "eth0")
	w.conns++
	return c
}

// read indexes the capture and finds legs and their exchanges.
func (w *world) read(t *testing.T) {
	t.Helper()
	in, err := capture.OpenInput(t.Context(), pcap.WriteFile(t, "trace.pcapng", w.tr.PCAPNG()), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	g, _, err := index.Read(t.Context(), []*capture.Input{in}, "", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	w.x = new(index.Index)
	w.x.Add(g)
	w.legs = graph.Legs(w.x, conn.Bind(w.x, new(recorded.Entries)))
	if len(w.legs) != w.conns {
		t.Fatalf("%d legs of %d connections", len(w.legs), w.conns)
	}
	graph.FindExchanges(w.x, w.legs)
}

// hide makes legs ones that cannot be read.
func (w *world) hide(legs ...int) {
	for _, l := range legs {
		w.legs[l].Protocol, w.legs[l].Exchanges, w.legs[l].Loose = flow.ProtocolTLS, nil, false
	}
}

// outline makes exchanges of a leg ones that cannot be read.
func (w *world) outline(leg int) {
	w.legs[leg].Protocol = flow.ProtocolTLS
	for i := range w.legs[leg].Exchanges {
		w.legs[leg].Exchanges[i].Outline = new(graph.Outline)
	}
}

// tie adds a link from one exchange to another, or between whole legs.
func (w *world) tie(from, down, to, up int) *graph.Link {
	l := &graph.Link{From: w.legs[from], To: w.legs[to], Attempt: 1, Confidence: 0.9, Proven: true}
	if down != whole {
		l.Down = &l.From.Exchanges[down]
	}
	if up != whole {
		l.Up = &l.To.Exchanges[up]
	}
	w.links = append(w.links, l)
	return l
}

// guess adds an ambiguous link with some rivals.
func (w *world) guess(from, down, to, up, rivals int) *graph.Link {
	l := w.tie(from, down, to, up)
	l.Ambiguous, l.Proven = true, false
	for range rivals {
		l.Rivals = append(l.Rivals, graph.Rival{Leg: l.To})
	}
	return l
}

// planner returns the planner of the world.
func (w *world) planner(nearServer bool) *plan.Planner {
	return &plan.Planner{Index: w.x, Legs: w.legs, Files: []string{"a.pcapng"}, NearServer: nearServer}
}

// plan traces the world and plans what is written of it.
func (w *world) plan(nearServer bool) (*plan.Planner, []*plan.Conversation) {
	pl := w.planner(nearServer)
	return pl, pl.Plan(w.trace())
}

// trace finds the paths of the world.
func (w *world) trace() []*trace.Path {
	w.paths = trace.Trace(new(index.Index), w.legs, w.links)
	return w.paths
}

// describe writes a conversation as "rewritten 0" with the leg whose packets are
// written, or as "rebuilt 0: client 1[0,30) server 1[0,40)" with that of the frame and
// the pieces with their legs; a bound of … is none.
func (w *world) describe(c *plan.Conversation) string {
	if c == nil {
		return "nothing"
	}
	var b strings.Builder
	kind := "rewritten"
	if c.Rebuilt {
		kind = "rebuilt"
	}
	fmt.Fprintf(&b, "%s %d", kind, c.Frame.ID)
	for dir, name := range [2]string{" client", " server"} {
		if len(c.Pieces[dir]) > 0 {
			b.WriteString(name)
		}
		for _, p := range c.Pieces[dir] {
			fmt.Fprintf(&b, " %d[%s,%s)", w.legOf(p.Half, dir), bound(p.From, math.MinInt64), bound(p.To, math.MaxInt64))
		}
	}
	for _, e := range c.Calls {
		fmt.Fprintf(&b, " call %d/%d", e.Leg.ID, e.No)
	}
	if c.Path != nil && c.Path.Mode != "" {
		fmt.Fprintf(&b, " %s", c.Path.Mode)
	}
	return b.String()
}

// legOf returns the leg of a half in a direction.
func (w *world) legOf(h index.HalfNo, dir int) int {
	for _, l := range w.legs {
		if [2]index.HalfNo{l.Conn.Orig, l.Conn.Reply}[dir] == h {
			return l.ID
		}
	}
	return -1
}

func bound(v, none int64) string {
	if v == none {
		return "…"
	}
	return fmt.Sprint(v)
}

// firstOf returns when a conversation begins.
func firstOf(c *plan.Conversation) int64 { return c.First.Nanos }

// requestAt returns when a request of a leg began.
func (w *world) requestAt(leg, no int) int64 { return w.legs[leg].Exchanges[no].Req.From.Nanos }

// responseAt returns when a response of a leg began.
func (w *world) responseAt(leg, no int) int64 { return w.legs[leg].Exchanges[no].Resp.From.Nanos }

// onlyFrom drops what was answered to a client.
func (w *world) onlyFrom(addr string) {
	from := netip.MustParseAddr(addr)
	w.tr.Filter(func(p *pcap.Packet) bool {
		t := p.Key.Tuple()
		return t.Src.Addr() == from || t.Dst.Addr() != from
	})
}
