package mesh

import (
	"math"
	"slices"
)

// A strand says that upstream item u may belong to downstream item d, and how
// likely that is.
type strand struct {
	d, u   int32
	base   float64   // what is known beforehand: a factor of the weight
	order  float64   // how likely it is for whether it crosses others: another factor
	weight float64   // by itself, as a multiple of that of both staying alone
	p      float64   // probability with all others taken into account
	shift  [2]int64  // bytes that the proxy took off the request and the response; unknownShift when that cannot be told
	req    recordRun // of a multiplexed leg: the records that fit
	resp   recordRun
	delay  [2]int64 // nanoseconds that the request and the response took through the proxy; noTime when not known
}

// A web is all strands between the two sides of a crossing.
type web struct {
	down, up   []float64 // weights of items without a partner
	downs, ups []float64 // how many strands each item has
	// downSum and upSum are the scaled probabilities of each item's strands.
	downSum, upSum []float64
	strands        []strand
}

// marginals fills in the probabilities of all strands: how much of the weight
// of all pairings of both sides, in which nothing is used twice, lies on those
// with that strand.
//
// Exact numbers are permanents. They are computed for parts that are small once
// strands without a chance are left out; for others matrix scaling (R. Sinkhorn,
// 1964) is as sure as can be afforded: it errs towards doubt.
func (w *web) marginals() {
	w.scale(rounds)
	all := make([]int32, len(w.strands))
	w.downSum, w.upSum = make([]float64, len(w.down)), make([]float64, len(w.up))
	for i := range all {
		all[i] = int32(i)
		s := &w.strands[i]
		w.downSum[s.d] += s.p
		w.upSum[s.u] += s.p
	}
	w.compute(all, noChance)
}

// compute computes the probabilities of strands exactly, part by part. A part
// that is too large falls apart where strands with a small chance are left out.
func (w *web) compute(strands []int32, least float64) {
	for _, p := range w.parts(strands, least) {
		switch {
		case p.small():
			if least == noChance || p.faithful(w) {
				p.exact(w)
			}
		case least < littleChance:
			w.compute(p.strands, least*4)
		}
	}
}

const (
	rounds  = 100
	roughly = 10   // rounds while learning
	settled = 1e-4 // change of factors at which they are taken to stay
	// noChance is the scaled probability below which a strand is not looked at
	// closer: its true one is about the square.
	noChance = 1e-4
	// littleChance is that from which none is left out, even in a large part.
	littleChance = 2e-2
)

// scale finds factors for both sides that make the probabilities of each item
// add up to one.
func (w *web) scale(rounds int) {
	down, up, sum := make([]float64, len(w.down)), make([]float64, len(w.up)), make([]float64, len(w.down))
	for d := range down {
		down[d] = 1
	}
	for range rounds {
		copy(up, w.up)
		for i := range w.strands {
			s := &w.strands[i]
			up[s.u] += s.weight * down[s.d]
		}
		copy(sum, w.down)
		for i := range w.strands {
			s := &w.strands[i]
			sum[s.d] += s.weight / up[s.u]
		}
		change := 0.0
		for d := range down {
			change = max(change, math.Abs(down[d]*sum[d]-1))
			down[d] = 1 / sum[d]
		}
		if change < settled {
			break
		}
	}
	for i := range w.strands {
		s := &w.strands[i]
		s.p = s.weight * down[s.d] / up[s.u]
	}
}

// A part is strands that compete with each other and with no others.
type part struct {
	strands    []int32
	downs, ups []int32 // items, sorted
}

// parts lists the parts into which strands fall when those with less than a
// given chance are cut.
func (w *web) parts(strands []int32, least float64) []part {
	root := make(map[int32]int32) // union-find; ups follow downs
	find := func(i int32) int32 {
		for {
			r, ok := root[i]
			if !ok || r == i {
				return i
			}
			if rr, ok := root[r]; ok {
				root[i] = rr
			}
			i = r
		}
	}
	ups := int32(len(w.down))
	for _, i := range strands {
		if s := &w.strands[i]; s.p >= least {
			if a, b := find(s.d), find(ups+s.u); a != b {
				root[a] = b
			}
		}
	}
	at := make(map[int32]int)
	var parts []part
	for _, i := range strands {
		s := &w.strands[i]
		if s.p < least {
			continue
		}
		r := find(s.d)
		k, ok := at[r]
		if !ok {
			k = len(parts)
			at[r] = k
			parts = append(parts, part{})
		}
		p := &parts[k]
		p.strands, p.downs, p.ups = append(p.strands, i), append(p.downs, s.d), append(p.ups, s.u)
	}
	for k := range parts {
		p := &parts[k]
		slices.Sort(p.downs)
		slices.Sort(p.ups)
		p.downs, p.ups = slices.Compact(p.downs), slices.Compact(p.ups)
	}
	return parts
}

// maxExact is how many items of one side are paired in all ways: the work grows
// with two to their number.
const maxExact = 12

// maxStates bounds what is kept for that: sets of used items for each item of
// the larger side.
const maxStates = 1 << 20

// faithful tells whether what was left out of the part is little for each of
// its items: many small chances are a good one.
func (p *part) faithful(w *web) bool {
	down, up := make(map[int32]float64), make(map[int32]float64)
	for _, i := range p.strands {
		s := &w.strands[i]
		down[s.d] += s.p
		up[s.u] += s.p
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

// small tells whether all pairings of the part can be summed up.
func (p *part) small() bool {
	few, many := min(len(p.downs), len(p.ups)), max(len(p.downs), len(p.ups))
	return few <= maxExact && many<<few <= maxStates
}

// exact computes the probabilities of a small part: a sum over all
// pairings by which items of the smaller side are used, forwards and backwards
// through the items of the larger one.
func (p *part) exact(w *web) {
	if len(p.strands) == 1 {
		s := &w.strands[p.strands[0]]
		s.p = s.weight / (s.weight + w.down[s.d]*w.up[s.u])
		return
	}
	few, many, aloneFew, aloneMany := p.downs, p.ups, w.down, w.up
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
	for _, i := range p.strands {
		s := &w.strands[i]
		a, b := s.d, s.u
		if swapped {
			a, b = b, a
		}
		col, _ := slices.BinarySearch(few, a)
		row, _ := slices.BinarySearch(many, b)
		rows[row].cells = append(rows[row].cells, cell{i, uint(col), s.weight})
	}
	sumPairings(w, rows, cols)
}

// A cell is a strand in the matrix of a part.
type cell struct {
	strand int32
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
func sumPairings(w *web, rows []matrixRow, alone []float64) {
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
func sumRow(w *web, row *matrixRow, forward, back []float64) []float64 {
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
			w.strands[c.strand].p = with[k] / total
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
