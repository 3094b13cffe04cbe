package algebra

import (
	"cmp"
	"slices"
	"sort"

	"golang.org/x/net/http2/hpack"

	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/odds"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// Under HTTP/2 the head of a request is compressed, so of lengths only bodies are
// the same on both sides, and what heads add to them is learned by kind.

// bodies makes the lengths of readable exchanges those of their bodies, which
// they have in common with whatever frames carry them. Of the head of a request
// the target is what differs from one to the next; its length under HPACK is
// known (RFC 7541 §5.2), if it has not been sent before.
func (a *algebra) bodies() {
	for _, items := range [2][]item{a.down, a.up} {
		for i := range items {
			it := &items[i]
			if it.ex.Outline == nil {
				it.req, it.resp = bodyOf(it.ex.Req), bodyOf(it.ex.Resp)
				it.head = targetLen(it.ex)
			}
		}
	}
	a.nearHeads()
}

// targetLen returns the length of the request target in a HEADERS frame.
func targetLen(e *graph.Exchange) int64 {
	t := e.Target()
	return int64(min(hpack.HuffmanEncodeLength(t), uint64(len(t))))
}

func bodyOf(m *scan.Message) scan.Sizes {
	if m == nil || m.Body.Len == fingerprint.UnknownLen || !m.Is(scan.MsgComplete) {
		return nil
	}
	return scan.Sizes{m.Body.Len}
}

// nearHeads lists the pairs of which one may cause the other: the records that
// were nearest in time, wherever they went by.
func (a *algebra) nearHeads() {
	if len(a.down) > 0 && a.down[0].ex.Outline != nil {
		heads := byRequest(a.down)
		for u := range a.up {
			k := sort.Search(len(heads), func(i int) bool { return a.down[heads[i]].reqAt > a.up[u].reqAt+index.Causality })
			for _, d := range heads[max(k-nearest, 0):k] {
				a.pairUp(d, int32(u))
			}
		}
		return
	}
	heads := byRequest(a.up)
	for d := range a.down {
		k := sort.Search(len(heads), func(i int) bool { return a.up[heads[i]].reqAt >= a.down[d].reqAt-index.Causality })
		for _, u := range heads[k:min(k+nearest, len(heads))] {
			a.pairUp(int32(d), u)
		}
	}
}

// pairUp adds a strand between d and u unless their ends, or a log, say otherwise.
func (a *algebra) pairUp(d, u int32) {
	if x, y := a.down[d].ex, a.up[u].ex; graph.MayServe(x.Leg, y.Leg) && (a.barred == nil || !a.barred(x, y)) {
		a.add(d, u)
	}
}

// nearest is how many heads are compared with one exchange: more than requests
// are under way at once.
const nearest = 96

// byRequest returns the items in the order of their requests.
func byRequest(items []item) []int32 {
	order := make([]int32, len(items))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(i, j int32) int { return cmp.Compare(items[i].reqAt, items[j].reqAt) })
	return order
}

// weighStream weighs strand s, one side of which is multiplexed: the request by
// the records from its head on, the response by the records that fit best.
func (a *algebra) weighStream(s strand, m *turn.Multiplex, head int, plain *item, said *saying) {
	peer := a.peer(s)
	sign := int64(1)
	if m.Up {
		sign = -1
	}
	if len(plain.req) == 1 {
		run, n := m.Request(head, plain.req[0])
		s.req = run
		s.shift[0] = sign * (n - plain.head)
		s.Weight *= a.shifts[0].Ratio(a.kindOf(s), s.shift[0], odds.Witness{X: said.shift[0], P: said.p})
	}
	if plain.respAt == noTime {
		return
	}
	best := -1.0
	for _, j := range m.Answers(plain.respAt) {
		run, shift := turn.Records{From: j, To: j + 1}, int64(odds.UnknownShift)
		delay := sign * (m.Reply[j].At.Nanos - plain.respAt)
		p := a.took(1, a.class(s), said, delay)
		if len(plain.resp) == 1 {
			var n int64
			run, n = m.Cover(m.Reply, j, plain.resp[0])
			shift = sign * (n - plain.resp[0])
			p *= a.shifts[1].Ratio(peer, shift, odds.Witness{X: said.shift[1], P: said.p})
		}
		if p > best {
			best = p
			s.resp, s.shift[1], s.delay[1] = run, shift, delay
		}
	}
	s.Weight *= max(best, 0)
}

// kindOf returns a number for the kind of request that strand s stands for: the
// lengths of heads depend on the method, and on how much HPACK has learned.
func (a *algebra) kindOf(s strand) int32 {
	plain, sealed := a.down[s.D].ex, a.up[s.U].ex
	if plain.Outline != nil {
		plain, sealed = sealed, plain
	}
	method := plain.Method()
	kind := int32(sealed.Outline.Nth)
	for _, c := range []byte(method) {
		kind = kind*31 + int32(c)
	}
	return kind
}

// A spot is a record of a leg.
type spot struct {
	leg    *graph.Leg
	record int
}

// doubtBodies makes strands unlikely whose head is the body of another request.
func (a *algebra) doubtBodies() {
	taken := a.takenByBodies()
	for i := range a.pairing.Edges {
		s := a.strand(int32(i))
		e := a.sealedEnd(s)
		if p := taken[spot{e.Leg, e.Outline.First}]; p > 0 {
			s.order *= max(1-p, muchDoubt)
		}
	}
}

// muchDoubt is what is left of a strand whose head is the body of another
// request for sure.
const muchDoubt = 1e-6

// takenByBodies returns for records that hold the body of a request how likely
// that is.
func (a *algebra) takenByBodies() map[spot]float64 {
	taken := make(map[spot]float64)
	for i := range a.pairing.Edges {
		s := a.strand(int32(i))
		if s.req.To > s.req.From+1 {
			taken[spot{a.sealedEnd(s).Leg, s.req.To - 1}] += s.P
		}
	}
	return taken
}

// bothStreams reports whether the readable exchange of a strand is a stream of
// HTTP/2 too.
func (a *algebra) bothStreams(s strand) bool {
	plain := a.down[s.D].ex
	if plain.Outline != nil {
		plain = a.up[s.U].ex
	}
	return plain.Leg.Protocol == flow.ProtocolHTTP2
}

// sealedEnd returns the hidden exchange of a strand.
func (a *algebra) sealedEnd(s strand) *graph.Exchange {
	if e := a.down[s.D].ex; e.Outline != nil {
		return e
	}
	return a.up[s.U].ex
}

// complete gives the hidden exchange of a link the records that were found to
// carry it.
func (a *algebra) complete(l *graph.Link) {
	e := l.Down
	if e.Outline == nil {
		e = l.Up
	}
	m := a.streamsOf[e.Leg]
	for i := range a.pairing.Edges {
		s := a.strand(int32(i))
		if a.down[s.D].ex != l.Down || a.up[s.U].ex != l.Up {
			continue
		}
		if s.req.To > s.req.From {
			e.Req = turn.MessageOf(m.Orig[s.req.From:s.req.To])
			e.Req.Flags |= scan.MsgRequest
		}
		if s.resp.To > s.resp.From {
			e.Resp = turn.MessageOf(m.Reply[s.resp.From:s.resp.To])
		}
		return
	}
}
