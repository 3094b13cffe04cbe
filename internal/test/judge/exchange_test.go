package judge

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/test/truth"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// A spot names an exchange of a result: where it stands on its leg.
type spot struct {
	leg      int
	req, res [2]int64
	what     string // it is, where one record of TLS has several
	in       int    // or which of those in it
}

func spotOf(h *flow.Hop) spot {
	return spot{leg: h.Leg, req: h.Request, res: h.Response, in: h.InRecord}
}

// named says what an exchange is.
func named(x *flow.Exchange) string { return x.Method + " " + x.Target + " " + x.RequestID }

// spot is where an exchange stands on a leg.
func (k *ranking) spot(x *flow.Exchange, h *flow.Hop) spot {
	s := spotOf(h)
	s.what = named(x)
	if _, ok := k.no[s]; !ok {
		s.what = ""
	}
	return s
}

// empty reports whether nothing of an exchange can be read there: the hop is its
// leg as a whole.
func (s spot) empty() bool { return s.req == [2]int64{} && s.res == [2]int64{} }

// strange is the number of an exchange that the truth does not have.
const strange = -2

// A ranking numbers the exchanges of every leg as the truth does.
type ranking struct {
	no    map[spot]int
	byReq map[[2]int64]spot  // leg and start of the request
	below map[string][]int64 // by leg of the truth that cannot be read: where its requests begin
}

// rank lists all exchanges of r and gives each its number on its leg.
func rank(t *truth.Truth, r *mesh.Result, m *match) *ranking {
	k := &ranking{no: make(map[spot]int), byReq: make(map[[2]int64]spot), below: make(map[string][]int64)}
	seen := spots(r) // and when
	byLeg := make(map[int][]spot)
	for s := range seen {
		byLeg[s.leg] = append(byLeg[s.leg], s)
		if s.req != [2]int64{} {
			k.byReq[[2]int64{int64(s.leg), s.req[0]}] = s
		}
	}
	for leg, ss := range byLeg {
		w := m.truth[leg]
		slices.SortFunc(ss, func(a, b spot) int {
			return cmp.Or(cmp.Compare(seen[a], seen[b]), cmp.Compare(a.req[0], b.req[0]), cmp.Compare(a.in, b.in),
				cmp.Compare(numberOf(t, w, a.what), numberOf(t, w, b.what)), cmp.Compare(a.res[0], b.res[0]))
		})
		if w == nil {
			k.number(ss, nil)
			continue
		}
		where := extents(t, w, m.sealed(w))
		if m.ours[w.ID] != nil && m.ours[w.ID].Midstream && !w.Midstream {
			where = fromFirst(where, ss)
		}
		if c := clockOf(t, w); c != nil {
			k.byClock(ss, c, seen)
			continue
		}
		if below := belowOf(t, w); below != nil && m.sealed(w) {
			k.below[w.ID] = below
			k.byOffset(ss, below)
			continue
		}
		k.number(ss, where)
	}
	return k
}

// spots lists where exchanges stand, and when they began. Where several requests
// share a record of TLS that was read, each is there with its name.
func spots(r *mesh.Result) map[spot]int64 {
	type place [2]int64 // leg, and start of the request
	at := func(h *flow.Hop) place { return place{int64(h.Leg), h.Request[0]} }
	each := func(f func(x *flow.Exchange, h *flow.Hop)) {
		for _, p := range r.Paths {
			for i := range p.Exchanges {
				for k := range p.Exchanges[i].Hops {
					if h := &p.Exchanges[i].Hops[k]; !spotOf(h).empty() {
						f(&p.Exchanges[i], h)
					}
				}
			}
		}
	}
	who := make(map[place][]string)
	each(func(x *flow.Exchange, h *flow.Hop) {
		read := r.Legs[h.Leg].Decrypted && h.Request != [2]int64{}
		if read && !slices.Contains(who[at(h)], named(x)) {
			who[at(h)] = append(who[at(h)], named(x))
		}
	})
	seen := make(map[spot]int64)
	each(func(x *flow.Exchange, h *flow.Hop) {
		s := spotOf(h)
		if h.Request != [2]int64{} && len(who[at(h)]) > 1 {
			s.what = named(x)
		}
		seen[s] = int64(cmp.Or(h.RequestStart, h.ResponseStart))
	})
	return seen
}

// numberOf is the number of what a leg of the truth carried, as far as its name
// tells: among what one record has, nothing else does.
func numberOf(t *truth.Truth, w *truth.Leg, what string) int {
	if w == nil || what == "" {
		return 0
	}
	for _, l := range t.Links {
		if call := l.Method + " " + l.Target + " "; what != call+l.RequestID && what != call {
			continue // the client need not know the id that its proxy gave it
		}
		if l.From == w.ID {
			return l.FromExchange
		}
		if l.To == w.ID {
			return l.ToExchange
		}
	}
	return 0
}

// A clock has, for each exchange of a leg that cannot be read, a time after its
// request and before the next: when it was over, or when its handler began.
type clock struct {
	at    []int64
	begun bool // before its response
}

// clockOf returns the clock of a leg; nil when not all times are known.
func clockOf(t *truth.Truth, w *truth.Leg) *clock {
	if !w.Encrypted || w.Exchanges == 0 {
		return nil
	}
	c := &clock{at: make([]int64, w.Exchanges)}
	for _, l := range t.Links {
		if (l.From == w.ID || l.To == w.ID) && (l.FromExchange < 0 || l.ToExchange < 0) {
			return nil // carried on as bytes
		}
		if l.From == w.ID {
			c.at[l.FromExchange] = nanos(l.FromBy)
			c.begun = l.FromBelow == nil
		}
		if l.To == w.ID && c.at[l.ToExchange] == 0 {
			c.at[l.ToExchange] = nanos(l.ToBy)
			c.begun = true
		}
	}
	if slices.Contains(c.at, 0) {
		return nil
	}
	return c
}

// number returns which exchange a spot is that was seen at a time.
func (c *clock) number(s spot, at int64) int {
	n, _ := slices.BinarySearch(c.at, at)
	if s.req == [2]int64{} && c.begun {
		n--
	}
	return n
}

// byClock numbers the exchanges of a leg by when they were; what begins when
// nothing did, or is the second of its time, is strange. Before the first there
// may be what was taken for one, a handshake without its beginning.
func (k *ranking) byClock(ss []spot, c *clock, seen map[spot]int64) {
	taken := make(map[int]spot)
	for _, s := range ss {
		k.no[s] = strange
		n := c.number(s, seen[s])
		old, twice := taken[n]
		switch {
		case n < 0, n == len(c.at), twice && n > 0:
			continue
		case twice:
			k.no[old] = strange
		}
		k.no[s], taken[n] = n, s
	}
}

// number gives the exchanges of one leg their numbers: by their order; where
// some are missing, by where the truth says that they stand.
func (k *ranking) number(ss []spot, where []extent) {
	for i, s := range ss {
		k.no[s] = i
		if len(where) > len(ss) {
			k.no[s] = strange
			if n := slices.IndexFunc(where, func(e extent) bool { return e.holds(s) }); n >= 0 {
				k.no[s] = n
			}
		}
	}
}

// An extent is where an exchange stands in the two streams of its leg.
type extent struct{ req, res [2]int64 }

// holds reports whether s lies in e, as far as it was captured.
func (e extent) holds(s spot) bool {
	inside := func(r, in [2]int64) bool { return r == [2]int64{} || r[0] >= in[0] && r[0] < in[1] }
	return inside(s.req, e.req) && inside(s.res, e.res)
}

// extents adds up the lengths of the exchanges of a leg; nil when they are not
// all known.
func extents(t *truth.Truth, w *truth.Leg, sealed bool) []extent {
	if sealed {
		return nil
	}
	sizes := make([]*[2]int64, w.Exchanges)
	put := func(leg string, i int, req, res *truth.Tally) {
		if leg == w.ID && i >= 0 && i < len(sizes) && req != nil && res != nil {
			sizes[i] = &[2]int64{req.Bytes, res.Bytes}
		}
	}
	for _, l := range t.Links {
		put(l.From, l.FromExchange, l.FromRequest, l.FromResponse)
		put(l.To, l.ToExchange, l.ToRequest, l.ToResponse)
	}
	var out []extent
	at := extent{}
	for _, s := range sizes {
		if s == nil {
			return nil
		}
		at = extent{[2]int64{at.req[1], at.req[1] + s[0]}, [2]int64{at.res[1], at.res[1] + s[1]}}
		out = append(out, at)
	}
	return out
}

// fromFirst lets the extents of a leg whose SYN is missing begin where its
// first captured bytes do: at that exchange which puts the most others on
// their places.
func fromFirst(where []extent, ss []spot) []extent {
	best, most := where, -1
	for i := range where {
		for k := range where {
			var moved []extent
			for _, e := range where {
				q, r := where[i].req[0], where[k].res[0]
				moved = append(moved, extent{[2]int64{e.req[0] - q, e.req[1] - q}, [2]int64{e.res[0] - r, e.res[1] - r}})
			}
			if n := exact(moved, ss); n > most {
				best, most = moved, n
			}
		}
	}
	return best
}

// exact counts the messages that begin where some extent does.
func exact(where []extent, ss []spot) (n int) {
	for _, s := range ss {
		for _, e := range where {
			if s.req != [2]int64{} && s.req[0] == e.req[0] {
				n++
			}
			if s.res != [2]int64{} && s.res[0] == e.res[0] {
				n++
			}
		}
	}
	return n
}

// belowOf returns, for each exchange of a leg that cannot be read, where its
// request begins or earlier; nil when that is not known of all.
func belowOf(t *truth.Truth, w *truth.Leg) []int64 {
	if !w.Encrypted || w.Exchanges == 0 {
		return nil
	}
	below := make([]int64, w.Exchanges)
	n := 0
	for _, l := range t.Links {
		if l.From == w.ID && l.FromBelow != nil && l.FromExchange >= 0 {
			below[l.FromExchange] = *l.FromBelow
			n++
		}
	}
	if n < w.Exchanges {
		return nil
	}
	return below
}

// byOffset numbers the exchanges of a leg by where their requests are. Those
// that were written at once are numbered in the order in which they are found.
func (k *ranking) byOffset(ss []spot, below []int64) {
	taken := make([]bool, len(below))
	for _, s := range ss {
		k.no[s] = strange
		n, exact := slices.BinarySearch(below, s.req[0])
		if !exact {
			n--
		}
		for n > 0 && below[n-1] == below[n] {
			n--
		}
		if s.in > 0 { // what shares a record counts as one
			if n >= 0 {
				k.no[s] = n
			}
			continue
		}
		for n >= 0 && n+1 < len(below) && taken[n] && below[n+1] == below[n] {
			n++
		}
		if n >= 0 && !taken[n] {
			k.no[s], taken[n] = n, true
		}
	}
}
