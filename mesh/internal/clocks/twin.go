package clocks

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// marksEnough is how many equal marks make two connections one.
const marksEnough = 3

// A watcher is who saw a connection: a group, or part of it. They are numbered.
type watcher = int

// A conn is one connection as one watcher saw it.
type conn struct {
	by watcher
	index.Pair
}

// An event is a packet that two watchers saw.
type event struct {
	reply bool  // it came from the server
	a, b  int64 // when, by the clocks of the two
}

// A twin is a connection that two watchers saw.
type twin struct {
	a, b   conn // in the order of the watchers
	events []event
}

// A finder finds twins.
type finder struct {
	x     *index.Index
	conns []conn
	bySYN map[[2]uint32][]int32
	marks map[uint64][]int32 // the connections with a mark
}

// twins lists the connections that two of n watchers saw; by returns who saw a half.
func twins(x *index.Index, n int, by func(index.HalfNo) watcher) []twin {
	seen := make([][]conn, n)
	for g, group := range x.Groups {
		for orig, reply := range group.Table.Connections() {
			p := index.Pair{Orig: x.Number(g, orig), Reply: x.Number(g, reply)}
			w := by(p.Lead())
			seen[w] = append(seen[w], conn{w, p})
		}
	}
	f := &finder{x: x, bySYN: make(map[[2]uint32][]int32), marks: make(map[uint64][]int32)}
	var out []twin
	for w, conns := range seen {
		first := len(f.conns)
		f.conns = append(f.conns, conns...)
		for i := range index.Each(x, conns) {
			out = append(out, f.twinsOf(int32(first+i))...)
		}
		if w == n-1 {
			break // nobody asks any more
		}
		for i := range index.Each(x, conns) { // not before: a watcher is no twin of itself
			f.add(int32(first + i))
		}
	}
	return out
}

// isns returns the initial sequence numbers of both sides of c; ok is false unless both
// are known.
func (f *finder) isns(c conn) (k [2]uint32, ok bool) {
	if c.Orig == 0 || c.Reply == 0 {
		return k, false
	}
	p, q := f.x.Half(c.Orig), f.x.Half(c.Reply)
	return [2]uint32{p.ISN, q.ISN}, p.SYN && q.SYN
}

// add makes connection i known to those that come after.
func (f *finder) add(i int32) {
	c := f.conns[i]
	if k, ok := f.isns(c); ok && len(f.bySYN[k]) < maxShared {
		f.bySYN[k] = append(f.bySYN[k], i)
	}
	for h := range c.Halves {
		for _, m := range f.x.Marks(h) {
			if !m.Byte && len(f.marks[m.Hash]) < maxShared {
				f.marks[m.Hash] = append(f.marks[m.Hash], i)
			}
		}
	}
}

// maxShared bounds the connections that are looked at for one mark: a packet may be seen
// at every interface of a node, and a hostile capture may have it everywhere.
const maxShared = 64

// twinsOf lists the twins of connection i among those that are known, one of each
// watcher.
func (f *finder) twinsOf(i int32) []twin {
	c := f.conns[i]
	found := f.marked(c)
	if k, ok := f.isns(c); ok {
		for _, j := range f.bySYN[k] {
			if f.akin(f.conns[j], c) {
				found[j] += marksEnough // as good as marks
			}
		}
	}
	best := make(map[watcher]int32)
	for j, n := range found {
		w := f.conns[j].by
		if k, ok := best[w]; n >= marksEnough && (!ok || n > found[k] || n == found[k] && j < k) {
			best[w] = j
		}
	}
	var out []twin
	for w := range c.by {
		if j, ok := best[w]; ok {
			out = append(out, twin{f.conns[j], c, f.events(f.conns[j], c)})
		}
	}
	return out
}

// marked counts, by connection, the marks that c has in common with others. Where the
// handshakes are known they decide.
func (f *finder) marked(c conn) map[int32]int {
	found := make(map[int32]int)
	_, known := f.isns(c)
	for h := range c.Halves {
		for _, m := range f.x.Marks(h) {
			if m.Byte {
				continue
			}
			for _, j := range f.marks[m.Hash] {
				if _, too := f.isns(f.conns[j]); !known || !too {
					found[j]++
				}
			}
		}
	}
	return found
}

// akin reports whether two connections with equal initial sequence numbers have more in
// common than those: an end that NAT left alone, or the first timestamp, which no NAT
// touches.
func (f *finder) akin(c, d conn) bool {
	p, q := f.x.Half(c.Orig), f.x.Half(d.Orig)
	a, b := p.Key.Tuple(), q.Key.Tuple()
	return a.Src == b.Src || a.Dst == b.Dst || p.HasTS && q.HasTS && p.TSVal == q.TSVal
}

// events lists what c and d, which are one connection, saw both: the SYN and the
// SYN-ACK, and marks. Who is the client is a guess where no SYN was seen, so it may be
// another one in d than in c, which counts.
func (f *finder) events(c, d conn) []event {
	es := append(f.passed(c.Orig, d.Orig, false), f.passed(c.Reply, d.Reply, true)...)
	if len(es) == 0 {
		es = append(f.passed(c.Orig, d.Reply, false), f.passed(c.Reply, d.Orig, true)...)
	}
	return es
}

// passed lists what two watchers saw of one half.
func (f *finder) passed(h, g index.HalfNo, reply bool) []event {
	if h == 0 || g == 0 {
		return nil
	}
	var es []event
	p, q := f.x.Half(h), f.x.Half(g)
	if p.SYN && q.SYN && p.HasTS == q.HasTS && p.TSVal == q.TSVal { // else one of them was lost on the way
		es = append(es, event{reply, int64(p.FirstTime), int64(q.FirstTime)})
	}
	there := make(map[index.Mark]int64)
	for _, m := range f.x.Marks(g) {
		there[index.Mark{Hash: m.Hash, Byte: m.Byte}] = m.Nanos
	}
	for _, m := range f.x.Marks(h) {
		if at, ok := there[index.Mark{Hash: m.Hash, Byte: m.Byte}]; ok {
			es = append(es, event{reply, m.Nanos, at})
		}
	}
	return es
}

// client returns which of the two watchers is nearer the client of t: 'a' if that is
// above 0, 'b' below, neither can be told at 0. A packet of the client takes longer from
// a to b than one of the server if a is nearer: of two that follow each other the clocks
// do not matter.
func (t *twin) client() int {
	slices.SortStableFunc(t.events, func(e, f event) int { return cmp.Compare(e.a, f.a) })
	votes := 0
	for i := 1; i < len(t.events); i++ {
		e, f := t.events[i-1], t.events[i]
		if e.reply == f.reply {
			continue
		}
		if e.reply {
			e, f = f, e
		}
		votes += cmp.Compare(e.b-e.a, f.b-f.a)
	}
	return votes
}

// bothWays reports whether packets of both directions were seen by both.
func (t *twin) bothWays() bool {
	for _, e := range t.events {
		if e.reply != t.events[0].reply {
			return true
		}
	}
	return false
}

// ends returns the addresses of client and server as c shows them.
func (c conn) ends(x *index.Index) (client, server tcpip.Addr) {
	k := x.Half(c.Lead()).Key
	if c.Orig == 0 {
		return k.Dst, k.Src
	}
	return k.Src, k.Dst
}
