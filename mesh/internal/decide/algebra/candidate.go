package algebra

import (
	"cmp"
	"slices"
	"sort"

	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/odds"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// Which exchanges may belong together is asked by time, and where too many go
// on at once, by length: what the proxy does to lengths is then learned from
// some of them first.

const (
	// manyPairs is how many pairs are compared one by one.
	manyPairs = 1 << 20
	// samplePairs is about how many pairs what the proxy does is learned from
	// if there are more.
	samplePairs = 1 << 17
	// MaxLookAlikes is how many exchanges of one length are compared with one.
	MaxLookAlikes = 128
	// commonShare is the share of pairs from which a difference of lengths is
	// looked for.
	commonShare = 1e-3
)

// candidates lists the pairs that may belong together.
func (a *algebra) candidates() {
	a.byBegin()
	n := a.pairs()
	likely := min(n, int64(max(len(a.down), len(a.up))))
	a.pairing.Edges, a.facts = make([]assign.Edge, 0, likely), make([]strandFacts, 0, likely)
	if n <= manyPairs {
		a.sweep(1, a.try)
	} else {
		a.lookUp(a.sample(int(n/samplePairs) + 1))
	}
}

// pairs counts the pairs of which one was going on when the other began.
func (a *algebra) pairs() int64 {
	begins, ends := make([]int64, len(a.down)), make([]int64, len(a.down))
	for i := range a.down {
		begins[i], ends[i] = a.down[i].begin(), a.down[i].over()
	}
	slices.Sort(begins)
	slices.Sort(ends)
	n := int64(0)
	for i := range a.up {
		begun, _ := slices.BinarySearch(begins, a.up[i].ex.KnownBy()+index.Causality+1)
		over, _ := slices.BinarySearch(ends, a.up[i].begin()-index.Causality)
		n += int64(max(begun-over, 0))
	}
	return n
}

// byBegin puts the items of both sides in the order of their beginning.
func (a *algebra) byBegin() {
	a.downOrder, a.upOrder = orderOf(a.down), orderOf(a.up)
}

func orderOf(items []item) []int32 {
	order := make([]int32, len(items))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(i, j int32) int { return cmp.Compare(items[i].begin(), items[j].begin()) })
	return order
}

// sweep calls yield for every upstream item, of which it takes every nth, and
// each downstream item that was going on when it began: both sides are walked
// through in the order of time.
func (a *algebra) sweep(nth int, yield func(d, u int32)) {
	var active []int32
	next := 0
	for k, u := range a.upOrder {
		if k%nth != 0 {
			continue
		}
		up := &a.up[u]
		for next < len(a.downOrder) && a.down[a.downOrder[next]].begin() <= up.ex.KnownBy()+index.Causality {
			active = append(active, a.downOrder[next])
			next++
		}
		active = slices.DeleteFunc(active, func(d int32) bool { return a.down[d].over() < up.begin()-index.Causality })
		for _, d := range active {
			yield(d, u)
		}
	}
}

// sample learns from every nth upstream item which differences of lengths are
// common, of requests and responses together.
func (a *algebra) sample(nth int) [][2]int64 {
	some := &algebra{down: a.down, up: a.up, downOrder: a.downOrder, upOrder: a.upOrder, holes: a.holes, free: a.free, shifts: [2]odds.Shifts{{Exact: a.shifts[0].Exact}, {Exact: a.shifts[1].Exact}}}
	some.sweep(nth, some.try)
	some.solve()
	sum := make(map[[2]int64]float64)
	total := 0.0
	for i := range some.pairing.Edges {
		if s := some.strand(int32(i)); s.shift[0] != odds.UnknownShift && s.shift[1] != odds.UnknownShift {
			sum[s.shift] += s.P
			total += s.P
		}
	}
	var common [][2]int64
	for x, p := range sum {
		if p >= commonShare*total {
			common = append(common, x)
		}
	}
	slices.SortFunc(common, func(x, y [2]int64) int {
		return cmp.Or(cmp.Compare(sum[y], sum[x]), cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1]))
	})
	return common
}

// A catalogue finds downstream items by their lengths, in the order of their
// beginning.
type catalogue struct {
	byLength map[[2]int64][]int32
	vague    []int32 // those of unknown length
}

func (a *algebra) catalogue() *catalogue {
	c := &catalogue{byLength: make(map[[2]int64][]int32)}
	for _, d := range a.downOrder {
		it := &a.down[d]
		if len(it.req) == 0 || len(it.resp) == 0 {
			c.vague = append(c.vague, d)
			continue
		}
		for _, p := range it.req {
			for _, q := range it.resp {
				k := [2]int64{p, q}
				c.byLength[k] = append(c.byLength[k], d)
			}
		}
	}
	return c
}

// lookUp compares each upstream item with the downstream ones whose lengths
// differ from its own by one of the given differences.
func (a *algebra) lookUp(common [][2]int64) {
	c := a.catalogue()
	seen := make([]int32, len(a.down))
	for _, u := range a.upOrder {
		it := &a.up[u]
		near := func(list []int32, most int) {
			last := sort.Search(len(list), func(i int) bool { return a.down[list[i]].begin() > it.ex.KnownBy()+index.Causality })
			for i := last - 1; i >= 0 && i >= last-most; i-- {
				if d := list[i]; seen[d] != u+1 && a.down[d].over() >= it.begin()-index.Causality {
					seen[d] = u + 1
					a.try(d, u)
				}
			}
		}
		near(c.vague, crossing.MaxPairs)
		if len(it.req) == 0 || len(it.resp) == 0 {
			near(a.downOrder, MaxLookAlikes)
			continue
		}
		for _, x := range common {
			for _, p := range it.req {
				for _, q := range it.resp {
					near(c.byLength[[2]int64{p + x[0], q + x[1]}], MaxLookAlikes)
				}
			}
		}
	}
}

// try adds a strand between d and u if u may be what the proxy made of d.
func (a *algebra) try(d, u int32) {
	down, up := &a.down[d], &a.up[u]
	if down.ex.Outline == nil && up.ex.Outline == nil && (a.veiled == nil || !a.veiled(down.ex, up.ex)) || !graph.MayServe(down.ex.Leg, up.ex.Leg) ||
		a.barred != nil && a.barred(down.ex, up.ex) {
		return
	}
	if a.encloses(d, u) {
		a.add(d, u)
	}
}

// encloses reports whether u may have been asked and answered for d by its times.
func (a *algebra) encloses(d, u int32) bool {
	down, up := &a.down[d], &a.up[u]
	return !after(earliest(down.reqAt, down.reqAts), latest(up.reqAt, up.reqAts)) && !after(down.reqTo, up.reqTo) &&
		!after(earliest(up.respAt, up.respAts), down.lastRespAt()) && !after(up.respTo, down.respTo) &&
		up.ex.KnownBy() >= down.begin()-index.Causality
}

// read adds the strands between what can be read on both sides.
func (a *algebra) read(r *crossing.Reading) {
	at := [2]map[*graph.Exchange]int32{make(map[*graph.Exchange]int32), make(map[*graph.Exchange]int32)}
	for k, items := range [2][]item{a.down, a.up} {
		for i := range items {
			at[k][items[i].ex] = int32(i)
		}
	}
	for _, p := range r.Pairs {
		d, ok := at[0][p[0]]
		u, too := at[1][p[1]]
		if ok && too {
			a.add(d, u)
			f := &a.facts[len(a.facts)-1]
			f.tied = r.Tied[p[0]] == p[1]
			f.read = !f.tied
		}
	}
}

// surely is the weight of a strand that was tied before.
const surely = 1e9
