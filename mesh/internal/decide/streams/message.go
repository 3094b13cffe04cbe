package streams

import (
	"cmp"
	"slices"
	"strconv"

	"golang.org/x/net/http2/hpack"

	"github.com/pcapmesh/pcapmesh/internal/align"
	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// A problem is exchanges that can be read on one side of a proxy, and the lanes on the
// other that may have carried them.
type problem struct {
	es     []*graph.Exchange
	lanes  []*lane
	up     bool // the lanes are upstream
	may    func(e *graph.Exchange, l *lane) bool
	holes  bool
	spread [2][][2]int64        // by direction: when messages were under way that took their time
	bodies [2]map[int64][]int64 // by direction and length: when bodies went by

	messages [2][]align.Message // by direction and exchange
	kinds    [2]map[string]int
	sizes    [2]align.Sizes
	delays   [2][align.Classes]align.Delays
	overtake [2][2]float64

	share  map[*graph.Leg][]float64 // by lane: how many of a leg's exchanges it carries
	belief [][]float64              // by exchange: lanes, and none of them
	seats  []*graph.Exchange        // by exchange: what it was on its lane
}

// frame is the head of a frame (RFC 9113 §4.1).
const frame = align.FrameHead

// measure makes messages of the exchanges, and tells every channel what it may have carried.
func (p *problem) measure() {
	again := make(map[string]bool)
	for k := range p.messages {
		p.kinds[k], p.bodies[k] = make(map[string]int), make(map[int64][]int64)
		p.messages[k] = make([]align.Message, len(p.es))
	}
	for i, e := range p.es {
		p.messages[requests][i] = p.request(e, again)
		p.messages[responses][i] = p.response(e)
	}
	for k := range p.messages {
		order := p.inOrder(k)
		p.note(k, order)
		for _, l := range p.lanes {
			l.channels[k].offer(p, k, l, order)
		}
	}
}

// message returns the request or the response of exchange i.
func (p *problem) message(k, i int) *scan.Message {
	return [2]*scan.Message{p.es[i].Req, p.es[i].Resp}[k]
}

// inOrder lists the exchanges of which there is a message in the order of those.
func (p *problem) inOrder(k int) (order []int) {
	for i := range p.es {
		if p.message(k, i) != nil {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(p.messages[k][i].At, p.messages[k][j].At) })
	return order
}

// note notes when bodies went by, and what took its time.
func (p *problem) note(k int, order []int) {
	for _, i := range order {
		m := p.message(k, i)
		if n := m.Body.Len; n > 0 {
			p.bodies[k][n] = append(p.bodies[k][n], p.messages[k][i].At)
		}
		if m.Body.Len <= longBody && !slow(m) {
			continue
		}
		from, to := m.From.Nanos-soon, m.To.Nanos+soon
		if n := len(p.spread[k]); n > 0 && from <= p.spread[k][n-1][1] {
			p.spread[k][n-1][1] = max(p.spread[k][n-1][1], to)
		} else {
			p.spread[k] = append(p.spread[k], [2]int64{from, to})
		}
	}
}

// offer lists what a channel may have carried. A body that has a record of its own shows.
func (ch *channel) offer(p *problem, k int, l *lane, order []int) {
	ch.word = make([]float64, len(p.es))
	for i := range ch.word {
		ch.word[i] = 1
	}
	for _, i := range order {
		if !p.may(p.es[i], l) {
			continue
		}
		m := p.messages[k][i]
		m.Forms = slices.DeleteFunc(slices.Clone(m.Forms), func(f align.Form) bool {
			return f.Apart > 0 && !ch.hasBody(f.Apart, m.At, align.LongestWait)
		})
		ch.who, ch.messages = append(ch.who, i), append(ch.messages, m)
	}
}

// kind returns the number of a kind of messages.
func (p *problem) kind(k int, name string) int {
	n, ok := p.kinds[k][name]
	if !ok {
		n = len(p.sizes[k])
		p.kinds[k][name] = n
		p.sizes[k] = append(p.sizes[k], align.Size{})
	}
	return n
}

// request measures the request of an exchange. Of its head the target is what differs
// from one to the next; its length under HPACK is known (RFC 7541 §5.2), if it has not
// been sent before. The first request of a connection has no place in the order: between
// it and its record lies a handshake, and others may take its turn.
func (p *problem) request(e *graph.Exchange, again map[string]bool) align.Message {
	m := align.Message{At: e.Start()}
	if e.Req == nil {
		return m
	}
	if !p.up && e.No == 0 && !e.Leg.Midstream {
		m.At, m.Until, m.Class = int64(e.Leg.Start), e.Start(), 1
	}
	method, target := e.Method(), e.Target()
	heads := []align.Form{{Bytes: frame + huffman(target), Kind: p.kind(requests, method)}}
	if again[target] {
		heads = append(heads, align.Form{Bytes: frame, Kind: p.kind(requests, method+" again")})
	}
	again[target] = true
	for _, h := range heads {
		m.Forms = append(m.Forms, p.withBody(requests, h, e.Req, method)...)
	}
	return m
}

// response measures the response of an exchange.
func (p *problem) response(e *graph.Exchange) align.Message {
	if e.Resp == nil {
		return align.Message{}
	}
	name := strconv.Itoa(e.Status())
	head := align.Form{Bytes: frame, Kind: p.kind(responses, name)}
	return align.Message{At: e.Resp.From.Nanos, Forms: p.withBody(responses, head, e.Resp, name)}
}

// withBody returns the ways in which a head and the body of its message may stand in
// records: together, apart, or some of the body later.
func (p *problem) withBody(k int, head align.Form, m *scan.Message, name string) []align.Form {
	n := m.Body.Len
	vague := align.Form{Bytes: head.Bytes, Vague: true, Kind: head.Kind}
	switch {
	case n == fingerprint.UnknownLen || !m.Is(scan.MsgComplete) || n > longBody:
		return []align.Form{vague}
	case n == 0:
		return []align.Form{head}
	}
	forms := []align.Form{{Bytes: head.Bytes + frame + n, Kind: p.kind(k, name+" with body")},
		{Bytes: head.Bytes, Kind: p.kind(k, name+" before body"), Apart: n}}
	if slow(m) {
		forms = append(forms, vague)
	}
	return forms
}

// slow reports whether a message took so long that it may not have been sent on as a whole.
func slow(m *scan.Message) bool { return m.To.Nanos-m.From.Nanos > aWhile }

const (
	longBody = 12 << 10   // bytes of which all may be in one record
	aWhile   = int64(2e5) // nanoseconds
	// soon is how far what belongs together is apart at the most, in nanoseconds, beside
	// the time that a message takes.
	soon = int64(5e6)
)

// huffman returns how many bytes a string takes under HPACK.
func huffman(s string) int64 { return int64(min(hpack.HuffmanEncodeLength(s), uint64(len(s)))) }
