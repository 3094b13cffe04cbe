package assign

import (
	"math"
	"slices"
)

// An Edge says that upstream item U may belong to downstream item D, and how
// likely that is.
type Edge struct {
	D, U   int32
	Weight float64 // by itself, as a multiple of that of both staying alone
	P      float64 // probability with all others taken into account
}

// A Graph is all edges between the two sides of a crossing.
type Graph struct {
	Down, Up []float64 // weights of items without a partner
	Edges    []Edge
	Even     bool // many edges of each item count

	// Stop, if not nil, is asked now and then whether nobody wants the probabilities
	// any more. Then they are not to be used.
	Stop func() bool

	// downSum and upSum are the scaled probabilities of each item's edges.
	downSum, upSum []float64
	factors        factors
	roots          []root // of all items, downstream ones first
}

func (w *Graph) stopped() bool { return w.Stop != nil && w.Stop() }

// Marginals fills in the probabilities of all edges: how much of the weight
// of all pairings of both sides, in which nothing is used twice, lies on those
// with that edge.
//
// Exact numbers are permanents. They are computed for parts that are small once
// edges without a chance are left out; for others matrix scaling (R. Sinkhorn,
// 1964) is as sure as can be afforded: it errs towards doubt.
func (w *Graph) Marginals() {
	w.Scale(rounds)
	w.downSum, w.upSum = resize(w.downSum, len(w.Down)), resize(w.upSum, len(w.Up))
	clear(w.downSum)
	clear(w.upSum)
	all := make([]int32, len(w.Edges))
	for i := range all {
		all[i] = int32(i)
		s := &w.Edges[i]
		w.downSum[s.D] += s.P
		w.upSum[s.U] += s.P
	}
	w.compute(all, noChance)
}

// sharpen makes scaled probabilities surer: of two pairs that compete, scaling
// gives the square root of the odds, of many less. Between is a compromise that
// holds for streams, whose truth is known to be in the part.
func (p *part) sharpen(w *Graph) {
	for _, i := range p.edges {
		s := &w.Edges[i]
		odds := math.Pow(s.P/max(1-s.P, 1e-12), 1.5)
		s.P = odds / (1 + odds)
	}
}

// compute computes the probabilities of edges exactly, part by part. A part
// that is too large falls apart where edges with a small chance are left out.
func (w *Graph) compute(edges []int32, least float64) {
	var large []part
	w.parts(edges, least, func(p *part) {
		switch {
		case len(p.edges) > 1 && w.stopped(): // one edge costs less than to ask
		case p.small():
			if least == noChance || p.faithful(w) {
				p.exact(w)
			}
		case least < littleChance:
			large = append(large, part{edges: p.edges})
		case w.Even:
			p.sharpen(w)
		}
	})
	for _, p := range large { // only now: roots are used again
		if w.stopped() {
			return
		}
		w.compute(p.edges, least*4)
	}
}

const (
	// noChance is the scaled probability below which an edge is not looked at
	// closer: its true one is about the square.
	noChance = 1e-4
	// littleChance is that from which none is left out, even in a large part.
	littleChance = 2e-2
)

// A part is edges that compete with each other and with no others.
type part struct {
	edges      []int32
	downs, ups []int32 // items, sorted; none of a part of one edge
}

// parts calls yield with the parts into which edges fall when those with less
// than a given chance are cut.
func (w *Graph) parts(edges []int32, least float64, yield func(*part)) {
	edges = slices.DeleteFunc(slices.Clone(edges), func(i int32) bool { return w.Edges[i].P < least })
	w.group(edges)
	begin := make([]int32, 1, len(edges)+1) // of each part in sorted
	for _, i := range edges {
		n := &w.roots[w.root(w.Edges[i].D)]
		if n.part == 0 {
			begin = append(begin, 0)
			n.part = int32(len(begin)) - 1
		}
		begin[n.part]++
	}
	for k := range begin[1:] {
		begin[k+1] += begin[k]
	}
	sorted := make([]int32, len(edges))
	for _, i := range slices.Backward(edges) {
		at := &begin[w.roots[w.root(w.Edges[i].D)].part]
		*at--
		sorted[*at] = i
	}
	begin = append(begin, int32(len(sorted)))
	var p part
	for k := 1; k < len(begin)-1; k++ {
		p.edges = sorted[begin[k]:begin[k+1]]
		p.list(w)
		yield(&p)
	}
}

// list lists the items of the part.
func (p *part) list(w *Graph) {
	p.downs, p.ups = p.downs[:0], p.ups[:0]
	if len(p.edges) == 1 {
		return
	}
	for _, i := range p.edges {
		p.downs, p.ups = append(p.downs, w.Edges[i].D), append(p.ups, w.Edges[i].U)
	}
	slices.Sort(p.downs)
	slices.Sort(p.ups)
	p.downs, p.ups = slices.Compact(p.downs), slices.Compact(p.ups)
}

// A root is an item in union-find: items with the same root compete.
type root struct {
	up   int32 // towards the root
	part int32 // of a root: number of its part; 0 = none yet
}

// group finds which items compete, as far as given edges connect them. Upstream
// items follow downstream ones.
func (w *Graph) group(edges []int32) {
	ups := int32(len(w.Down))
	w.roots = resize(w.roots, len(w.Down)+len(w.Up))
	for _, i := range edges {
		s := &w.Edges[i]
		w.roots[s.D], w.roots[ups+s.U] = root{up: s.D}, root{up: ups + s.U}
	}
	for _, i := range edges {
		s := &w.Edges[i]
		if a, b := w.root(s.D), w.root(ups+s.U); a != b {
			w.roots[a].up = b
		}
	}
}

// root returns the root of an item.
func (w *Graph) root(i int32) int32 {
	for w.roots[i].up != i {
		w.roots[i].up = w.roots[w.roots[i].up].up
		i = w.roots[i].up
	}
	return i
}

// resize returns a slice of n elements, in the place of s if it has room.
func resize[T any](s []T, n int) []T {
	return slices.Grow(s[:0], n)[:n]
}

// maxExact is how many items of one side are paired in all ways: the work grows
// with two to their number.
const maxExact = 12

// maxStates bounds what is kept for that: sets of used items for each item of
// the larger side.
const maxStates = 1 << 20

// faithful reports whether what was left out of the part is little for each of
// its items: many small chances are a good one.
func (p *part) faithful(w *Graph) bool {
	down, up := make(map[int32]float64), make(map[int32]float64)
	for _, i := range p.edges {
		s := &w.Edges[i]
		down[s.D] += s.P
		up[s.U] += s.P
	}
	for d, sum := range down {
		if sum < w.downSum[d]*(1-leftOut) {
			return false
		}
	}
	for u, sum := range up {
		if sum < w.upSum[u]*(1-leftOut) {
			return false
		}
	}
	return true
}

// leftOut is what share of an item's chances may be left out.
const leftOut = .05

// small reports whether all pairings of the part can be summed up.
func (p *part) small() bool {
	few, many := min(len(p.downs), len(p.ups)), max(len(p.downs), len(p.ups))
	return few <= maxExact && many<<few <= maxStates
}

// exact computes the probabilities of a small part: a sum over all
// pairings by which items of the smaller side are used, forwards and backwards
// through the items of the larger one.
func (p *part) exact(w *Graph) {
	if len(p.edges) == 1 {
		s := &w.Edges[p.edges[0]]
		s.P = s.Weight / (s.Weight + w.Down[s.D]*w.Up[s.U])
		return
	}
	few, many, aloneFew, aloneMany := p.downs, p.ups, w.Down, w.Up
	swapped := len(p.downs) > len(p.ups)
	if swapped {
		few, many, aloneFew, aloneMany = many, few, aloneMany, aloneFew
	}
	rows := make([]matrixRow, len(many))
	for i, m := range many {
		rows[i].alone = aloneMany[m]
	}
	cols := make([]float64, len(few))
	for i, f := range few {
		cols[i] = aloneFew[f]
	}
	for _, i := range p.edges {
		s := &w.Edges[i]
		a, b := s.D, s.U
		if swapped {
			a, b = b, a
		}
		col, _ := slices.BinarySearch(few, a)
		row, _ := slices.BinarySearch(many, b)
		rows[row].cells = append(rows[row].cells, cell{i, uint(col), s.Weight})
	}
	sumPairings(w, rows, cols)
}

// A cell is an edge in the matrix of a part.
type cell struct {
	edge   int32
	col    uint
	weight float64
}

// A matrixRow is an item of the larger side: its cells, and the weight of having no
// partner.
type matrixRow struct {
	cells []cell
	alone float64
}

// sumPairings sums the weights of all pairings of rows with columns, of which
// alone gives the weights of having no partner.
func sumPairings(w *Graph, rows []matrixRow, alone []float64) {
	states := 1 << len(alone)
	forward := make([][]float64, len(rows)+1)
	forward[0] = make([]float64, states)
	forward[0][0] = 1
	for r, row := range rows {
		next := make([]float64, states)
		biggest := 0.0
		for used, v := range forward[r] {
			if v == 0 {
				continue
			}
			next[used] += v * row.alone
			for _, c := range row.cells {
				if used>>c.col&1 == 0 {
					next[used|1<<c.col] += v * c.weight
				}
			}
		}
		for _, v := range next {
			biggest = max(biggest, v)
		}
		rescale(next, biggest)
		forward[r+1] = next
	}
	back := make([]float64, states) // weight of what the rows to come make of a state
	for used := range back {
		back[used] = 1
		for col, v := range alone {
			if used>>col&1 == 0 {
				back[used] *= v
			}
		}
	}
	for r := len(rows) - 1; r >= 0; r-- {
		back = sumRow(w, &rows[r], forward[r], back)
	}
}

// sumRow fills in the probabilities of one row and returns the weights of the
// states before it.
func sumRow(w *Graph, row *matrixRow, forward, back []float64) []float64 {
	before := make([]float64, len(back))
	total, biggest := 0.0, 0.0
	with := make([]float64, len(row.cells))
	for used := range before {
		before[used] = row.alone * back[used]
		for k, c := range row.cells {
			if used>>c.col&1 == 0 {
				v := c.weight * back[used|1<<c.col]
				before[used] += v
				with[k] += forward[used] * v
			}
		}
		total += forward[used] * before[used]
		biggest = max(biggest, before[used])
	}
	for k, c := range row.cells {
		if total > 0 {
			w.Edges[c.edge].P = with[k] / total
		}
	}
	rescale(before, biggest)
	return before
}

// rescale divides by the biggest value, so that nothing overflows: only
// proportions matter.
func rescale(v []float64, biggest float64) {
	if biggest == 0 {
		return
	}
	for i := range v {
		v[i] /= biggest
	}
}
