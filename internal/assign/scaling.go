package assign

import "math"

// Matrix scaling (R. Sinkhorn, 1964) finds factors for both sides that make the
// probabilities of each item add up to one, by turns. Most items settle within
// a few rounds; only the others go on.

const (
	rounds  = 100
	Roughly = 10 // rounds while learning
	// settled is the change of factors at which all are taken to stay, and
	// still that of probabilities, from one look to the next, at which one is.
	settled = 1e-4
	still   = 1e-6
	// look is every how many rounds it is looked which factors still change.
	look = 3
)

// factors are what scaling works with.
type factors struct {
	down, up []float64
	sum      []float64 // of each downstream item
	moving   []bool    // by downstream item: its factor still changes
	changed  []bool    // by downstream item: since the last look
	upMoving []bool
	threads  []thread // those that touch an upstream item in motion
}

// A thread is an edge with a chance, as scaling sees it.
type thread struct {
	d, u      int32
	weight, p float64 // p is from the look before
}

// Scale finds factors and leaves the probabilities by them in the edges.
func (w *Graph) Scale(rounds int) {
	f := &w.factors
	f.begin(w)
	for n := 1; n <= rounds && !w.stopped(); n++ {
		f.balanceUp(w)
		if f.balanceDown(w) < settled {
			break
		}
		if n%look == 0 && !f.look() {
			break
		}
	}
	for i := range w.Edges {
		s := &w.Edges[i]
		s.P = 0
		if s.Weight > 0 {
			s.P = s.Weight * f.down[s.D] / f.up[s.U]
		}
	}
}

func (f *factors) begin(w *Graph) {
	f.down, f.sum = resize(f.down, len(w.Down)), resize(f.sum, len(w.Down))
	f.moving, f.changed = resize(f.moving, len(w.Down)), resize(f.changed, len(w.Down))
	f.up, f.upMoving = resize(f.up, len(w.Up)), resize(f.upMoving, len(w.Up))
	for d := range f.down {
		f.down[d], f.moving[d] = 1, false
	}
	clear(f.sum)
	f.threads = resize(f.threads, len(w.Edges))[:0]
	for i := range w.Edges {
		if s := &w.Edges[i]; s.Weight > 0 {
			f.threads = append(f.threads, thread{d: s.D, u: s.U, weight: s.Weight, p: -1})
			f.moving[s.D] = true
			if !w.Even && s.Weight > f.sum[s.D] {
				f.sum[s.D], f.down[s.D] = s.Weight, balanced(s.Weight, w.Down[s.D], w.Up[s.U])
			}
		}
	}
}

// balanced returns the factor of a downstream item that competes for nothing:
// there, an edge of such weight and the weights of both staying alone add up.
// From it most items settle at once, as they have one edge that counts. Where
// many count, as with streams, it is no better to begin with than one.
func balanced(weight, down, up float64) float64 {
	q := 2 * weight * down / up
	if !(q > 0 && q < math.MaxFloat64) {
		return 1
	}
	return (math.Sqrt(down*down+2*q) - down) / q
}

// balanceUp makes the sums of upstream items one.
func (f *factors) balanceUp(w *Graph) {
	for i := range f.threads {
		u := f.threads[i].u
		f.up[u] = w.Up[u]
	}
	for i := range f.threads {
		t := &f.threads[i]
		f.up[t.u] += t.weight * f.down[t.d]
	}
}

// balanceDown makes the sums of downstream items one and returns by how much
// the factors change for it.
func (f *factors) balanceDown(w *Graph) float64 {
	for i := range f.threads {
		d := f.threads[i].d
		f.sum[d] = w.Down[d]
	}
	for i := range f.threads {
		t := &f.threads[i]
		f.sum[t.d] += t.weight / f.up[t.u]
	}
	change := 0.0
	for d, moving := range f.moving {
		if moving {
			change = max(change, math.Abs(f.down[d]*f.sum[d]-1))
			f.down[d] = 1 / f.sum[d]
		}
	}
	return change
}

// look sets aside what has not changed since the last look, and reports whether
// anything is left.
func (f *factors) look() bool {
	clear(f.changed)
	clear(f.upMoving)
	for i := range f.threads {
		t := &f.threads[i]
		p := t.weight * f.down[t.d] / f.up[t.u]
		if math.Abs(p-t.p) >= still {
			f.changed[t.d] = true
		}
		t.p = p
	}
	for d, changed := range f.changed { // one that was set aside stays there
		f.moving[d] = f.moving[d] && changed
	}
	for i := range f.threads {
		if t := &f.threads[i]; f.moving[t.d] {
			f.upMoving[t.u] = true
		}
	}
	left := f.threads[:0]
	for _, t := range f.threads {
		if f.upMoving[t.u] {
			left = append(left, t)
		}
	}
	f.threads = left
	return len(left) > 0
}
