package conn

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/arena"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// ackSlack is how far an acknowledgement may lie outside the captured
// sequence range of the half it acknowledges: a sender's window, since the
// capture may have begun or lost packets in between. Two unrelated halves pass
// this in both directions once in 60,000 pairs, and then timestamps decide.
const ackSlack = 8 << 20

// lifeSlack is how long after the last packet of one half the first packet of
// its answer may come, in nanoseconds: no peer waits longer to acknowledge.
const lifeSlack capture.Time = 5e9

// tsSlack is how far an echoed timestamp may lie outside the captured ones, in
// the sender's ticks (milliseconds on Linux).
const tsSlack = 60_000

// Bind pairs halves to connections, gives them a direction, and ties stray
// halves to the connections they belong to.
func Bind(x *index.Index, nat *recorded.Entries) []*Conn {
	b := binder{x: x, nat: nat, partner: make([]index.HalfNo, x.Len()+1)}
	b.takeBound()
	b.setAside()
	b.bindByEntries()
	b.bindByNumbers()
	b.collect()
	recall(nat, x, b.conns)
	b.orient()
	b.attachDisowned()
	b.attachStrays()
	return b.conns
}

type binder struct {
	x        *index.Index
	nat      *recorded.Entries
	partner  []index.HalfNo // by HalfNo
	memory   arena.Slab[Conn]
	conns    []*Conn
	disowned []disowned
	began    map[index.Place]int64 // time of the first segment of each place, for strays
}

func (b *binder) pair(p, q index.HalfNo) { b.partner[p], b.partner[q] = q, p }

// takeBound takes over what was bound while reading, but for pairs bound in
// the middle whose numbers do not fit exactly: with all halves known there may
// be a better answer.
func (b *binder) takeBound() {
	for g, group := range b.x.Groups {
		for id := 1; id <= group.Table.Len(); id++ {
			h := group.Table.Half(reassembly.HalfID(id))
			if h.Partner == 0 {
				continue
			}
			if p := group.Table.Half(h.Partner); h.SYN && p.SYN || exactly(h, p) {
				b.partner[b.x.Number(g, reassembly.HalfID(id))] = b.x.Number(g, h.Partner)
			}
		}
	}
}

// A reach is a piece of the sequence space in which a client address speaks.
type reach struct {
	place index.Place
	addr  tcpip.Addr
	port  uint16 // of the client; 0 for any
	piece uint32 // sequence number >> reachShift
}

const (
	reachShift = 24
	// maxReach is how many halves with another port may be tried for one.
	maxReach = 256
)

// bindByNumbers pairs what is left by sequence numbers, acknowledgements and
// timestamps: these REDIRECT leaves alone, and the client's address too, but
// not always its port. A half with several equally good answers stays alone.
func (b *binder) bindByNumbers() {
	asks := make(map[reach][]index.HalfNo)
	for h := range b.x.Halves {
		if b.partner[h] == 0 {
			b.register(asks, h)
		}
	}
	b.takeSure(b.edges(asks))
}

// bindByEntries pairs halves that conntrack knows to be one connection.
func (b *binder) bindByEntries() {
	if b.nat.Empty() {
		return
	}
	var unbound []index.HalfNo
	for h := range b.x.Halves {
		if b.partner[h] == 0 {
			unbound = append(unbound, h)
		}
	}
	b.takeSure(edgesOf(b.nat, b.x, unbound))
}

// takeSure pairs halves by edges, those first that are surest.
func (b *binder) takeSure(edges []edge) {
	for _, exact := range []bool{true, false} {
		for _, solid := range []bool{true, false} {
			b.takeOnly(edges, exact, solid, true)
			b.takeOnly(edges, exact, solid, false)
		}
	}
}

// takeOnly pairs the halves of edges that have no other edge of the same
// standing: numbers that fit exactly before others, halves with content before
// what may be stray packets, equal ports before others.
func (b *binder) takeOnly(edges []edge, exact, solid, samePort bool) {
	fits := func(e edge) bool {
		p, q := b.x.Half(e.p), b.x.Half(e.q)
		return b.partner[e.p] == 0 && b.partner[e.q] == 0 && (!exact || exactly(p, q)) &&
			(!solid || (p.SYN || p.Bytes > 0) && (q.SYN || q.Bytes > 0)) &&
			(!samePort || p.Key.SrcPort == q.Key.DstPort || p.Key.DstPort == q.Key.SrcPort)
	}
	count := make(map[index.HalfNo]int)
	for _, e := range index.Each(b.x, edges) {
		if fits(e) {
			count[e.p]++
			count[e.q]++
		}
	}
	for _, e := range index.Each(b.x, edges) {
		if count[e.p] == 1 && count[e.q] == 1 && fits(e) {
			b.pair(e.p, e.q)
		}
	}
}

// exactly reports whether each half acknowledges from first to last what the
// other one was seen to send.
func exactly(p, q *reassembly.Half) bool {
	covers := func(a, b *reassembly.Half) bool {
		lo, hi := SeqRange(a)
		return !b.HasAck || InRange(b.FirstAck, lo, hi, 0) && InRange(b.LastAck, lo, hi, 0)
	}
	return covers(p, q) && covers(q, p)
}

// An edge is two halves that may answer each other; p < q.
type edge struct{ p, q index.HalfNo }

// edges lists the pairs of unbound halves whose numbers fit, each once.
func (b *binder) edges(asks map[reach][]index.HalfNo) []edge {
	var edges []edge
	for y := range b.x.Halves {
		half := b.x.Half(y)
		if b.partner[y] != 0 || !half.HasAck {
			continue
		}
		r := reach{b.x.Place(y), half.Key.Dst, half.Key.DstPort, half.FirstAck >> reachShift}
		edges = b.tryAll(edges, asks[r], y)
		r.port = 0
		edges = b.tryAll(edges, asks[r], y)
	}
	slices.SortFunc(edges, func(e, f edge) int {
		return cmp.Or(cmp.Compare(e.p, f.p), cmp.Compare(e.q, f.q))
	})
	return slices.Compact(edges)
}

// tryAll adds an edge for each of the halves that y may answer. Of very many
// none would be certain.
func (b *binder) tryAll(edges []edge, asks []index.HalfNo, y index.HalfNo) []edge {
	if len(asks) > maxReach {
		return edges
	}
	for _, a := range asks {
		if a != y && answers(b.x.Half(a), b.x.Half(y)) {
			edges = append(edges, edge{min(a, y), max(a, y)})
		}
	}
	return edges
}

// register enters h under every piece of sequence space that an answer to it
// may acknowledge.
func (b *binder) register(asks map[reach][]index.HalfNo, h index.HalfNo) {
	half := b.x.Half(h)
	lo, hi := SeqRange(half)
	lo -= ackSlack
	pieces := min((hi+ackSlack-lo)>>reachShift+1, 1<<(32-reachShift)-1)
	for i := range pieces + 1 {
		piece := (lo>>reachShift + i) & (1<<(32-reachShift) - 1)
		for _, port := range [2]uint16{half.Key.SrcPort, 0} {
			r := reach{b.x.Place(h), half.Key.Src, port, piece}
			asks[r] = append(asks[r], h)
		}
	}
}

// answers reports whether q may be the other direction of p, by numbers alone.
func answers(p, q *reassembly.Half) bool {
	if p.FirstTime > q.LastTime+lifeSlack || q.FirstTime > p.LastTime+lifeSlack {
		return false
	}
	if p.SYN && !p.SYNACK && (q.SYNACK || q.RST && q.Packets == 1) {
		return q.FirstAck == p.ISN+1+uint32(dataOnSYN(p, q))
	}
	return acknowledges(q, p) && (!p.HasAck || acknowledges(p, q))
}

// dataOnSYN returns how many bytes on p's SYN q acknowledged (RFC 7413).
func dataOnSYN(p, q *reassembly.Half) int64 {
	if p.Data == p.First && q.FirstAck != p.ISN+1 {
		return int64(p.DataLen)
	}
	return 0
}

// acknowledges reports whether the acknowledgements and echoed timestamps of q
// fit what p sent.
func acknowledges(q, p *reassembly.Half) bool {
	lo, hi := SeqRange(p)
	if p.Bytes+p.Missing < 1<<31 && !(InRange(q.FirstAck, lo, hi, ackSlack) && InRange(q.LastAck, lo, hi, ackSlack)) {
		return false
	}
	if p.HasTS && q.HasTS && q.LastTSEcr != 0 {
		return InRange(q.LastTSEcr, p.TSVal, p.LastTSVal, tsSlack)
	}
	return true
}

// collect makes conns of pairs and single halves, in the order of their first
// packets.
func (b *binder) collect() {
	for h := range b.x.Halves {
		if p := b.partner[h]; p == 0 || p > h {
			_, c := b.memory.Add()
			c.fill(b.x, h, p)
			b.conns = append(b.conns, c)
		}
	}
	slices.SortStableFunc(b.conns, func(p, q *Conn) int {
		if p.Start != q.Start {
			return cmp.Compare(p.Start, q.Start)
		}
		if index.Before(p.First, q.First) {
			return -1
		}
		return 1
	})
}
