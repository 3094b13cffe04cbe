package algebra

import (
	"math"

	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/odds"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// Turn algebra ties exchanges of which at least one side cannot be read: by
// the lengths of their messages, by causality, and by how long the proxy takes.
// What the proxy does to lengths, and its delays, are learned from the capture
// itself: estimate over what may belong together, weigh, and again.

// A strand says that upstream item U may belong to downstream item D: an edge,
// and what turn algebra sees of it.
type strand struct {
	*assign.Edge
	*strandFacts
}

// A strandFacts is what turn algebra sees of an edge.
type strandFacts struct {
	base  float64      // what is known beforehand: a factor of the weight
	order float64      // how likely it is for whether it crosses others: another factor
	shift [2]int64     // bytes that the proxy took off the request and the response; odds.UnknownShift when that cannot be told
	req   turn.Records // of a multiplexed leg: the records that fit
	resp  turn.Records
	delay [2]int64 // nanoseconds that the request and the response took through the proxy; noTime when not known
	tied  bool     // it is known beforehand, and only teaches
	read  bool     // both sides can be read, and say the same as others
}

// A saying is what a strand said itself when last was learned.
type saying struct {
	p            float64
	shift, delay [2]int64
}

func (s strand) says() saying { return saying{s.P, s.shift, s.delay} }

// strand returns the strand of edge i. It is valid until an edge is added.
func (a *algebra) strand(i int32) strand { return strand{&a.pairing.Edges[i], &a.facts[i]} }

// add adds a strand.
func (a *algebra) add(d, u int32) {
	a.pairing.Edges = append(a.pairing.Edges, assign.Edge{D: d, U: u})
	a.facts = append(a.facts, strandFacts{base: 1, order: 1})
}

// algebra is turn algebra at one crossing.
type algebra struct {
	down, up           []item
	downOrder, upOrder []int32 // by beginning
	pairing            assign.Graph
	facts              []strandFacts                   // of the edges of pairing
	downs, ups         []float64                       // how many strands each item has
	shifts             [2]odds.Shifts                  // of requests, of responses
	delays             [2][2]odds.Delays               // of requests and of responses, by whether the upstream connection was new
	holes              bool                            // packets are missing in the capture
	free               bool                            // hidden exchanges may stay alone
	multiplexed        bool                            // one side is streams of HTTP/2
	streamsOf          map[*graph.Leg]*turn.Multiplex  // by leg, those streams; else nil
	barred             func(d, u *graph.Exchange) bool // a log ties them to others; nil: there is none
	veiled             func(d, u *graph.Exchange) bool // they are compared though both can be read; nil: none are
	order              map[int32]turnOf                // strands whose turn it was, by the pools of the proxy
}

// Learning is how often what was learned is used to learn again.
const Learning = 6

// An exchange may have no counterpart in the capture. Where packets are missing
// it is learned how often that is, within limits; else it hardly ever is.
const (
	hardlyAlone = 0.001
	seldomAlone = 0.01
	oftenAlone  = 0.3
)

// newAlgebra compares the exchanges of both sides of a crossing.
func newAlgebra(down, up []*graph.Exchange, holes bool) *algebra {
	a := &algebra{holes: holes}
	a.fill(down, up)
	a.candidates()
	return a
}

// fill measures the exchanges of both sides.
func (a *algebra) fill(down, up []*graph.Exchange) {
	peers := make(map[string]int32)
	a.down, a.up = make([]item, 0, len(down)), make([]item, 0, len(up))
	for _, e := range down {
		a.down = append(a.down, newItem(e))
	}
	for _, e := range up {
		a.up = append(a.up, newItem(e))
	}
	for i := range a.down {
		a.down[i].peer, a.down[i].of = peerOf(peers, a.down[i].ex), a.streamsOf[a.down[i].ex.Leg]
	}
	for i := range a.up {
		a.up[i].peer, a.up[i].of = peerOf(peers, a.up[i].ex), a.streamsOf[a.up[i].ex.Leg]
	}
}

// peerOf numbers who an encrypted leg belongs to: the client that dials, or
// the server that was dialled and by what name.
func peerOf(peers map[string]int32, e *graph.Exchange) int32 {
	if e.Outline == nil && !e.Leg.Decrypted {
		return 0
	}
	l := e.Leg
	name := l.Orig.Src.Addr().String()
	if l.Role == flow.RoleProxyServer {
		name = l.Orig.Dst.String() + " " + l.TLS.SNI
	}
	n, ok := peers[name]
	if !ok {
		n = int32(len(peers)) + 1
		peers[name] = n
	}
	return n
}

// stopped reports whether nobody wants to know.
func (a *algebra) stopped() bool { return a.pairing.Stop != nil && a.pairing.Stop() }

// solve learns and weighs, and leaves the probabilities in the pairing. It reports
// whether it came to an end: not if nobody wants to know.
func (a *algebra) solve() bool {
	a.alone(hardlyAlone)
	a.weigh()
	a.pairing.Scale(assign.Roughly)
	for range Learning {
		if a.stopped() {
			return false
		}
		a.learn()
		if a.multiplexed {
			a.disorder()
		}
		a.weigh()
		if len(a.pairing.Edges) > manyStrands {
			a.pairing.Scale(assign.Roughly)
		} else {
			a.pairing.Marginals()
		}
		if a.holes {
			a.alone(a.loneliness())
		}
	}
	a.pairing.Marginals()
	return !a.stopped()
}

// manyStrands is how many strands are weighed roughly while learning.
const manyStrands = 1 << 17

// alone sets the weights of items without a counterpart, given how often that
// is: one that has many candidates has each of them with less probability
// beforehand.
func (a *algebra) alone(often float64) {
	if a.pairing.Down == nil {
		a.pairing.Down, a.pairing.Up = make([]float64, len(a.down)), make([]float64, len(a.up))
		a.downs, a.ups = make([]float64, len(a.down)), make([]float64, len(a.up))
		for i := range a.pairing.Edges {
			a.downs[a.pairing.Edges[i].D]++
			a.ups[a.pairing.Edges[i].U]++
		}
	}
	set := func(out, n []float64, items []item) {
		for i := range items {
			switch {
			case a.free && items[i].ex.Outline != nil:
				out[i] = 1
			case a.multiplexed:
				out[i] = max(often, 2*seldomAlone)
			default:
				out[i] = often * math.Sqrt(max(n[i], 1))
			}
		}
	}
	set(a.pairing.Down, a.downs, a.down)
	set(a.pairing.Up, a.ups, a.up)
}

// loneliness returns how often items of the side with fewer have no
// counterpart.
func (a *algebra) loneliness() float64 {
	down, up := make([]float64, len(a.down)), make([]float64, len(a.up))
	for i := range a.pairing.Edges {
		s := a.strand(int32(i))
		down[s.D] += s.P
		up[s.U] += s.P
	}
	of := func(sum []float64, items []item) float64 {
		n, alone := 0.0, 0.0
		for i, p := range sum {
			if !a.free || items[i].ex.Outline == nil {
				n++
				alone += max(1-p, 0)
			}
		}
		return alone / max(n, 1)
	}
	often := of(down, a.down)
	if len(a.up) > 0 && !a.free {
		often = min(often, of(up, a.up))
	}
	return min(max(often, seldomAlone), oftenAlone)
}

// learn estimates what the proxy does from the strands as they are weighed.
func (a *algebra) learn() {
	exact := a.shifts[0].Exact
	a.shifts, a.delays = [2]odds.Shifts{{Exact: exact}, {Exact: exact}}, [2][2]odds.Delays{}
	for i := range a.pairing.Edges {
		s := a.strand(int32(i))
		peers := [2]int32{a.peer(s), a.peer(s)}
		if s.req.To > 0 {
			peers[0] = a.kindOf(s)
		}
		for k, x := range s.shift {
			if x != odds.UnknownShift {
				a.shifts[k].Add(peers[k], x, s.P)
			}
			if s.delay[k] != noTime {
				a.delays[k][a.class(s)].Add(s.delay[k], s.P)
			}
		}
		if !a.multiplexed { // of a leg, strangers are chosen because they are near
			a.learnOther(s)
		}
	}
}

// usual reports whether the differences of lengths of a strand are such as others
// have too.
func (a *algebra) usual(s strand) bool {
	for k, x := range s.shift {
		if x != odds.UnknownShift && !a.shifts[k].Usual(x, odds.Witness{X: x, P: s.P}) {
			return false
		}
	}
	return true
}

// learnOther learns from a strand what exchanges look like that do not belong
// together.
func (a *algebra) learnOther(s strand) {
	for k, x := range s.shift {
		if x != odds.UnknownShift {
			a.shifts[k].AddOther(x, 1-s.P)
		}
		if s.delay[k] != noTime {
			a.delays[k][a.class(s)].AddOther(s.delay[k], 1-s.P)
		}
	}
}

func (a *algebra) peer(s strand) int32 {
	return a.down[s.D].peer<<16 | a.up[s.U].peer
}

// class tells apart what takes its time: what had to wait for a new upstream
// connection.
func (a *algebra) class(s strand) int {
	if a.up[s.U].fresh {
		return 1
	}
	return 0
}

// weigh gives each strand its weight by what was learned.
func (a *algebra) weigh() {
	for i := range a.pairing.Edges {
		a.weighOne(a.strand(int32(i)))
	}
}

// weighOne weighs a strand: of lengths that are in doubt by the likeliest one.
// What it said itself when last was learned does not count.
func (a *algebra) weighOne(s strand) {
	down, up := &a.down[s.D], &a.up[s.U]
	peer, said := a.peer(s), s.says()
	req, resp := odds.Witness{X: said.shift[0], P: said.p}, odds.Witness{X: said.shift[1], P: said.p}
	s.shift = [2]int64{odds.UnknownShift, odds.UnknownShift}
	s.delay = [2]int64{between(down.reqAt, up.reqAt), between(up.respAt, down.respAt)}
	s.Weight = s.base * s.order
	if a.multiplexed {
		s.Weight *= a.took(0, a.class(s), &said, s.delay[0])
		if h := down.ex.Outline; h != nil {
			a.weighStream(s, down.of, h.First, up, &said)
		} else {
			h = up.ex.Outline
			a.weighStream(s, up.of, h.First, down, &said)
		}
		return
	}
	s.Weight *= missed(down.ex.Req, up.ex.Req) * missed(down.ex.Resp, up.ex.Resp)
	framed := func(k int) [2]int64 { return [2]int64{down.framed[k], up.framed[k]} }
	a.weighMessage(s, &message{0, peer, req, down.req, up.req, framed(0), func(i, j int) int64 { return between(down.request(i), up.request(j)) }}, &said)
	a.weighMessage(s, &message{1, peer, resp, down.resp, up.resp, framed(1), func(i, j int) int64 { return between(up.response(j), down.response(i)) }}, &said)
	if s.tied {
		s.Weight = surely
	}
}

// missed returns how likely it is that a message was captured on one side of the proxy
// only, if it was.
func missed(d, u *scan.Message) float64 {
	if (d == nil) != (u == nil) {
		return seldomAlone
	}
	return 1
}

// A message is the request or the response of a strand: the lengths that it may have
// on both sides, and how long it took if it has two of them.
type message struct {
	k        int // 0: the request, 1: the response
	peer     int32
	own      odds.Witness // what the strand said of it when last was learned
	down, up scan.Sizes
	framed   [2]int64             // bytes that frame chunks, on either side
	delay    func(i, j int) int64 // nanoseconds, by indices of lengths
}

// weighMessage weighs a message of a strand by the likeliest of its lengths.
func (a *algebra) weighMessage(s strand, m *message, said *saying) {
	class := a.class(s)
	if len(m.down) == 0 || len(m.up) == 0 {
		s.Weight *= a.took(m.k, class, said, s.delay[m.k])
		return
	}
	best := -1.0
	for i, d := range m.down {
		for j, u := range m.up {
			delay := m.delay(i, j)
			x, p := d-u, a.shifts[m.k].Ratio(m.peer, d-u, m.own)
			if m.framed != [2]int64{} {
				if y, q := a.reframed(m, d, u); q*secondary(1) > p {
					x, p = y, q*secondary(1)
				}
			}
			if p *= a.took(m.k, class, said, delay) * secondary(i) * secondary(j); p > best {
				best, s.shift[m.k], s.delay[m.k] = p, x, delay
			}
		}
	}
	s.Weight *= max(best, 0)
}

// secondary returns how likely the reading with index i is beforehand, of the
// ways in which a handshake can be told from what follows it.
func secondary(i int) float64 {
	if i == 0 {
		return 1
	}
	return .1
}

// took returns how likely a delay is for a strand of a class that said something
// itself, as a multiple of what it is for strangers.
func (a *algebra) took(k, class int, said *saying, delay int64) float64 {
	switch {
	case delay == noTime:
		return 1
	case delay < -index.Causality:
		return 0
	}
	return a.delays[k][class].Ratio(delay, odds.Witness{X: said.delay[k], P: said.p})
}
