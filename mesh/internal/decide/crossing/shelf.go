package crossing

import (
	"slices"
	"sort"

	"github.com/cespare/xxhash/v2"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

const (
	// MaxRivals is how many exchanges may look like the right one before they
	// are no longer compared with each other, only put in order.
	MaxRivals = 160
	// MaxPairs is how many candidates of one exchange are compared pair by pair.
	MaxPairs = 64
)

// A shelf keeps downstream exchanges by what they are looked up by: request
// id, or request line and bodies, and then time. Nothing is compared with
// everything.
type shelf struct {
	all    []*graph.Exchange // in the order of their start
	byID   map[string]*Lane
	byLine map[uint64]*row
	lost   Lane // those whose requests were not captured, or not whole
	any    Lane // all
}

// A row holds the exchanges with one request line.
type row struct {
	any     Lane
	partial Lane             // of them those whose bodies are not known whole
	byBody  map[uint64]*Lane // the others
}

// A Lane holds exchanges in the order of their start; until[i] is the latest
// end among the first i+1.
type Lane struct {
	list    []int
	Until   []int64
	crowded bool // more than MaxRivals looked alike at some time
}

// Add adds the item with index i, which goes on until a time. Items are added in the
// order in which they begin.
func (l *Lane) Add(i int, until int64) {
	if n := len(l.Until); n > 0 {
		until = max(until, l.Until[n-1])
	}
	l.list, l.Until = append(l.list, i), append(l.Until, until)
}

func newShelf(es []*graph.Exchange) *shelf {
	s := &shelf{all: es, byID: make(map[string]*Lane), byLine: make(map[uint64]*row)}
	for i, e := range es {
		s.any.Add(i, e.Lasts())
		if e.Req != nil && e.Req.ID.Len() > 0 {
			laneOf(s.byID, e.Scan.Text.String(e.Req.ID)).Add(i, e.Lasts())
		}
		if e.Req == nil || !e.Req.HasLine() {
			s.lost.Add(i, e.Lasts())
			continue
		}
		s.row(requestLine(e)).add(i, e)
	}
	return s
}

func laneOf[K comparable](m map[K]*Lane, k K) *Lane {
	if m[k] == nil {
		m[k] = new(Lane)
	}
	return m[k]
}

func (s *shelf) row(line uint64) *row {
	if s.byLine[line] == nil {
		s.byLine[line] = &row{byBody: make(map[uint64]*Lane)}
	}
	return s.byLine[line]
}

func (r *row) add(i int, e *graph.Exchange) {
	r.any.Add(i, e.Lasts())
	if k, ok := bodies(e); ok {
		laneOf(r.byBody, k).Add(i, e.Lasts())
	} else {
		r.partial.Add(i, e.Lasts())
	}
}

// bodies hashes status and bodies of an exchange; ok reports whether they are
// known whole.
func bodies(e *graph.Exchange) (k uint64, ok bool) {
	if e.Resp == nil || e.Resp.Status == 0 || !e.Req.Body.Complete() || !e.Resp.Body.Complete() {
		return 0, false
	}
	return hashPrint(e.Req.Body) ^ hashPrint(e.Resp.Body)*31 ^ uint64(e.Resp.Status), true
}

// requestLine hashes the request line.
func requestLine(e *graph.Exchange) uint64 {
	return xxhash.Sum64(e.Scan.Text.Bytes(e.Req.Method))*31 + xxhash.Sum64(e.Scan.Text.Bytes(e.Req.Target))
}

// sameID lists the exchanges that have u's request id and enclose u.
func (s *shelf) sameID(u *graph.Exchange) []*graph.Exchange {
	if u.Req == nil || u.Req.ID.Len() == 0 {
		return nil
	}
	l := s.byID[u.Scan.Text.String(u.Req.ID)]
	if l == nil {
		return nil
	}
	var ds []*graph.Exchange
	for _, k := range s.during(l, u) {
		ds = append(ds, s.all[k.d])
	}
	return ds
}

// candidates lists the exchanges that u may belong to, in the order of their
// start: those with its request id; without any, those with its request line.
// Exchanges whose requests were lost may have any.
func (s *shelf) candidates(u *graph.Exchange) []candidate {
	if u.Req != nil && u.Req.ID.Len() > 0 {
		if l := s.byID[u.Scan.Text.String(u.Req.ID)]; l != nil {
			if cs := s.during(l, u); len(cs) > 0 {
				return cs
			}
		}
	}
	if u.Req == nil || !u.Req.HasLine() {
		return s.during(&s.any, u)
	}
	return append(s.sameLine(u), s.during(&s.lost, u)...)
}

// sameLine lists the exchanges with u's request line that enclose u and do not
// contradict it.
func (s *shelf) sameLine(u *graph.Exchange) []candidate {
	r := s.byLine[requestLine(u)]
	if r == nil {
		return nil
	}
	k, ok := bodies(u)
	if !ok {
		return s.during(&r.any, u)
	}
	var cs []candidate
	if l := r.byBody[k]; l != nil {
		cs = s.during(l, u)
	}
	cs = append(cs, s.during(&r.partial, u)...)
	if len(cs) == 0 { // its response may be that of a failed attempt
		cs = s.during(&r.any, u)
	}
	return cs
}

// during lists the exchanges of a lane that enclose u and do not contradict it. If
// there are too many, these are the latest, and it notes that the lane is crowded.
func (s *shelf) during(l *Lane, u *graph.Exchange) []candidate {
	var cs []candidate
	past := sort.Search(len(l.list), func(k int) bool { return s.all[l.list[k]].Start() > u.KnownBy()+index.Causality })
	for k := past - 1; k >= 0 && l.Until[k] >= u.Start()-index.Causality; k-- {
		d := s.all[l.list[k]]
		if !Nests(d, u) {
			continue
		}
		like := Compare(d, u)
		if !like.sameID && like.Contradicted() {
			continue
		}
		if len(cs) == MaxRivals {
			l.crowded = true
			break
		}
		cs = append(cs, candidate{l.list[k], l, like})
	}
	slices.Reverse(cs)
	return cs
}

// fittest leaves of the candidates of one exchange those that no other one
// fits better than.
func fittest(cs []candidate) []candidate {
	if len(cs) < 2 {
		return cs
	}
	if slices.ContainsFunc(cs, func(k candidate) bool { return !k.like.Contradicted() }) {
		cs = slices.DeleteFunc(cs, func(k candidate) bool { return k.like.Contradicted() })
	}
	betters := cs
	if len(cs) > MaxPairs {
		betters = []candidate{slices.MinFunc(cs, func(a, b candidate) int {
			return len(a.like.differ) + len(a.like.differBack) - len(b.like.differ) - len(b.like.differBack)
		})}
	}
	var out []candidate
	for i := range cs {
		if !slices.ContainsFunc(betters, func(o candidate) bool { return o.like.better(&cs[i].like) }) {
			out = append(out, cs[i])
		}
	}
	return out
}

// dropRenamed drops candidates with another request id, if the proxy is seen
// to keep ids. (A gateway that does not trust its clients gives new ones.)
func dropRenamed(cands [][]candidate) {
	keeps := false
	for _, cs := range cands {
		keeps = keeps || slices.ContainsFunc(cs, func(k candidate) bool { return k.like.sameID })
	}
	if !keeps {
		return
	}
	for u, cs := range cands {
		cands[u] = slices.DeleteFunc(cs, func(k candidate) bool { return k.like.OtherID })
	}
}

// pruneDowns drops, where a downstream exchange shares its request id with
// some upstream one, its candidacies that lack it.
func pruneDowns(cands [][]candidate, downs int) {
	byID := make([]bool, downs)
	for _, cs := range cands {
		for _, k := range cs {
			byID[k.d] = byID[k.d] || k.like.sameID
		}
	}
	for u, cs := range cands {
		cands[u] = slices.DeleteFunc(cs, func(k candidate) bool { return byID[k.d] && !k.like.sameID })
	}
}

// pruneUps leaves of the upstream candidates of each downstream exchange those
// that no other one fits better than.
func pruneUps(cands [][]candidate, downs int) {
	type seat struct{ u, k int }
	seats := make([][]seat, downs)
	for u, cs := range cands {
		for k := range cs {
			seats[cs[k].d] = append(seats[cs[k].d], seat{u, k})
		}
	}
	drop := make(map[seat]bool)
	for _, ss := range seats {
		if len(ss) > MaxPairs {
			continue
		}
		for _, a := range ss {
			for _, b := range ss {
				if cands[b.u][b.k].like.better(&cands[a.u][a.k].like) {
					drop[a] = true
					break
				}
			}
		}
	}
	for u, cs := range cands {
		var out []candidate
		for k := range cs {
			if !drop[seat{u, k}] {
				out = append(out, cs[k])
			}
		}
		cands[u] = out
	}
}
