package algebra

import (
	"math"

	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
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
	shift [2]int64     // bytes that the proxy took off the request and the response; unknownShift when that cannot be told
	req   turn.Records // of a multiplexed leg: the records that fit
	resp  turn.Records
	delay [2]int64 // nanoseconds that the request and the response took through the proxy; NoTime when not known
}

// A saying is what a strand said itself when last was learned.
type saying struct {
	p            float64
	shift, delay [2]int64
}

func (s strand) says() saying { return saying{s.P, s.shift, s.delay} }

// strand returns the strand of edge i. It is valid until an edge is added.
func (a *Algebra) strand(i int32) strand { return strand{&a.web.Edges[i], &a.facts[i]} }

// add adds a strand.
func (a *Algebra) add(d, u int32) {
	a.web.Edges = append(a.web.Edges, assign.Edge{D: d, U: u})
	a.facts = append(a.facts, strandFacts{base: 1, order: 1})
}

// Algebra is turn algebra at one crossing.
type Algebra struct {
	Down, Up           []Item
	downOrder, upOrder []int32 // by beginning
	web                assign.Graph
	facts              []strandFacts                   // of the edges of web
	downs, ups         []float64                       // how many strands each item has
	shifts             [2]Shifts                       // of requests, of responses
	delays             [2][2]Delays                    // of requests and of responses, by whether the upstream connection was new
	holes              bool                            // packets are missing in the capture
	free               bool                            // hidden exchanges may stay alone
	multiplexed        bool                            // one side is streams of HTTP/2
	streamsOf          map[*graph.Leg]*turn.Multiplex  // by leg, those streams; else nil
	barred             func(d, u *graph.Exchange) bool // a log ties them to others; nil: there is none
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
func newAlgebra(down, up []*graph.Exchange, holes bool) *Algebra {
	a := &Algebra{holes: holes}
	a.fill(down, up)
	a.candidates()
	return a
}

// fill measures the exchanges of both sides.
func (a *Algebra) fill(down, up []*graph.Exchange) {
	peers := make(map[string]int32)
	a.Down, a.Up = make([]Item, 0, len(down)), make([]Item, 0, len(up))
	for _, e := range down {
		a.Down = append(a.Down, newItem(e))
	}
	for _, e := range up {
		a.Up = append(a.Up, newItem(e))
	}
	for i := range a.Down {
		a.Down[i].peer, a.Down[i].of = peerOf(peers, a.Down[i].ex), a.streamsOf[a.Down[i].ex.Leg]
	}
	for i := range a.Up {
		a.Up[i].peer, a.Up[i].of = peerOf(peers, a.Up[i].ex), a.streamsOf[a.Up[i].ex.Leg]
	}
}

// peerOf numbers who an encrypted leg belongs to: the client that dials, or
// the server that was dialled and by what name.
func peerOf(peers map[string]int32, e *graph.Exchange) int32 {
	if e.Outline == nil {
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

// try adds a strand between d and u if u may be what the proxy made of d.
func (a *Algebra) try(d, u int32) {
	down, up := &a.Down[d], &a.Up[u]
	if down.ex.Outline == nil && up.ex.Outline == nil || !graph.MayServe(down.ex.Leg, up.ex.Leg) ||
		a.barred != nil && a.barred(down.ex, up.ex) {
		return
	}
	if after(earliest(down.ReqAt, down.reqAts), latest(up.ReqAt, up.reqAts)) || after(down.reqTo, up.reqTo) ||
		after(earliest(up.RespAt, up.respAts), down.lastRespAt()) || after(up.respTo, down.respTo) ||
		up.ex.KnownBy() < down.begin()-index.Causality {
		return
	}
	a.add(d, u)
}

// solve learns and weighs, and leaves the probabilities in the web.
func (a *Algebra) solve() {
	a.alone(hardlyAlone)
	a.weigh()
	a.web.Scale(assign.Roughly)
	for range Learning {
		a.learn()
		if a.multiplexed {
			a.disorder()
		}
		a.weigh()
		if len(a.web.Edges) > manyStrands {
			a.web.Scale(assign.Roughly)
		} else {
			a.web.Marginals()
		}
		if a.holes {
			a.alone(a.loneliness())
		}
	}
	a.web.Marginals()
	if !a.multiplexed && a.workers() {
		a.weigh()
		a.web.Marginals()
	}
}

// manyStrands is how many strands are weighed roughly while learning.
const manyStrands = 1 << 17

// alone sets the weights of items without a counterpart, given how often that
// is: one that has many candidates has each of them with less probability
// beforehand.
func (a *Algebra) alone(often float64) {
	if a.web.Down == nil {
		a.web.Down, a.web.Up = make([]float64, len(a.Down)), make([]float64, len(a.Up))
		a.downs, a.ups = make([]float64, len(a.Down)), make([]float64, len(a.Up))
		for i := range a.web.Edges {
			a.downs[a.web.Edges[i].D]++
			a.ups[a.web.Edges[i].U]++
		}
	}
	set := func(out, n []float64, items []Item) {
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
	set(a.web.Down, a.downs, a.Down)
	set(a.web.Up, a.ups, a.Up)
}

// loneliness returns how often items of the side with fewer have no
// counterpart.
func (a *Algebra) loneliness() float64 {
	down, up := make([]float64, len(a.Down)), make([]float64, len(a.Up))
	for i := range a.web.Edges {
		s := a.strand(int32(i))
		down[s.D] += s.P
		up[s.U] += s.P
	}
	of := func(sum []float64, items []Item) float64 {
		n, alone := 0.0, 0.0
		for i, p := range sum {
			if !a.free || items[i].ex.Outline == nil {
				n++
				alone += max(1-p, 0)
			}
		}
		return alone / max(n, 1)
	}
	often := of(down, a.Down)
	if len(a.Up) > 0 && !a.free {
		often = min(often, of(up, a.Up))
	}
	return min(max(often, seldomAlone), oftenAlone)
}

// learn estimates what the proxy does from the strands as they are weighed.
func (a *Algebra) learn() {
	exact := a.shifts[0].exact
	a.shifts, a.delays = [2]Shifts{{exact: exact}, {exact: exact}}, [2][2]Delays{}
	for i := range a.web.Edges {
		s := a.strand(int32(i))
		peers := [2]int32{a.peer(s), a.peer(s)}
		if s.req.To > 0 {
			peers[0] = a.kindOf(s)
		}
		for k, x := range s.shift {
			if x != unknownShift {
				a.shifts[k].Add(peers[k], x, s.P)
			}
			if s.delay[k] != NoTime {
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
func (a *Algebra) usual(s strand) bool {
	for k, x := range s.shift {
		if x != unknownShift && !a.shifts[k].usual(x, Witness{x, s.P}) {
			return false
		}
	}
	return true
}

// learnOther learns from a strand what exchanges look like that do not belong
// together.
func (a *Algebra) learnOther(s strand) {
	for k, x := range s.shift {
		if x != unknownShift {
			a.shifts[k].addOther(x, 1-s.P)
		}
		if s.delay[k] != NoTime {
			a.delays[k][a.class(s)].addOther(s.delay[k], 1-s.P)
		}
	}
}

func (a *Algebra) peer(s strand) int32 {
	return a.Down[s.D].peer<<16 | a.Up[s.U].peer
}

// class tells apart what takes its time: what had to wait for a new upstream
// connection.
func (a *Algebra) class(s strand) int {
	if a.Up[s.U].fresh {
		return 1
	}
	return 0
}

// weigh gives each strand its weight by what was learned.
func (a *Algebra) weigh() {
	for i := range a.web.Edges {
		a.weighOne(a.strand(int32(i)))
	}
}

// weighOne weighs a strand: of lengths that are in doubt by the likeliest one.
// What it said itself when last was learned does not count.
func (a *Algebra) weighOne(s strand) {
	down, up := &a.Down[s.D], &a.Up[s.U]
	peer, said := a.peer(s), s.says()
	req, resp := Witness{said.shift[0], said.p}, Witness{said.shift[1], said.p}
	s.shift = [2]int64{unknownShift, unknownShift}
	s.delay = [2]int64{between(down.ReqAt, up.ReqAt), between(up.RespAt, down.RespAt)}
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
	a.weighMessage(s, &message{0, peer, req, down.req, up.req, func(i, j int) int64 { return between(down.request(i), up.request(j)) }}, &said)
	a.weighMessage(s, &message{1, peer, resp, down.resp, up.resp, func(i, j int) int64 { return between(up.response(j), down.response(i)) }}, &said)
}

// A message is the request or the response of a strand: the lengths that it may have
// on both sides, and how long it took if it has two of them.
type message struct {
	k        int // 0: the request, 1: the response
	peer     int32
	own      Witness // what the strand said of it when last was learned
	down, up scan.Sizes
	delay    func(i, j int) int64 // nanoseconds, by indices of lengths
}

// weighMessage weighs a message of a strand by the likeliest of its lengths.
func (a *Algebra) weighMessage(s strand, m *message, said *saying) {
	class := a.class(s)
	if len(m.down) == 0 || len(m.up) == 0 {
		s.Weight *= a.took(m.k, class, said, s.delay[m.k])
		return
	}
	best := -1.0
	for i, d := range m.down {
		for j, u := range m.up {
			delay := m.delay(i, j)
			p := a.shifts[m.k].ratio(m.peer, d-u, m.own) * a.took(m.k, class, said, delay) * secondary(i) * secondary(j)
			if p > best {
				best, s.shift[m.k], s.delay[m.k] = p, d-u, delay
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
func (a *Algebra) took(k, class int, said *saying, delay int64) float64 {
	switch {
	case delay == NoTime:
		return 1
	case delay < -index.Causality:
		return 0
	}
	return a.delays[k][class].ratio(delay, Witness{said.delay[k], said.p})
}
