package offset

import "math"

// maxDrift is how much faster one clock may run than another: crystals differ by
// 1e-4, and the kernel slews a clock by 5e-4 at most (adjtimex).
const maxDrift = 1e-3

// A point is a line that may be: an offset in nanoseconds at the time that counts as 0,
// and a drift.
type point struct{ offset, drift float64 }

// at returns the offset that p says for a time.
func (p point) at(t float64) float64 { return p.offset + p.drift*t }

// A polygon is the lines that may be: its corners, in order.
type polygon []point

// anything returns the polygon of all lines whose offset lies within ±reach.
func anything(reach float64) polygon {
	return polygon{{-reach, -maxDrift}, {reach, -maxDrift}, {reach, maxDrift}, {-reach, maxDrift}}
}

// cut returns the part of g on which the offset at time t is not above v or, with
// above false, not below it.
func (g polygon) cut(t, v float64, above bool) polygon {
	excess := func(p point) float64 {
		if d := p.at(t) - v; above {
			return d
		} else {
			return -d
		}
	}
	out := make(polygon, 0, len(g)+1)
	for i, p := range g {
		q := g[(i+1)%len(g)]
		a, b := excess(p), excess(q)
		if a <= 0 {
			out = append(out, p)
		}
		if a < 0 && b > 0 || a > 0 && b < 0 {
			s := a / (a - b)
			out = append(out, point{p.offset + s*(q.offset-p.offset), p.drift + s*(q.drift-p.drift)})
		}
	}
	return out
}

// violation returns by how much every line of g breaks a bound; not above 0 if one
// keeps it.
func (g polygon) violation(t, v float64, above bool) float64 {
	least := math.Inf(1)
	for _, p := range g {
		d := p.at(t) - v
		if !above {
			d = -d
		}
		least = min(least, d)
	}
	return least
}

// best returns the line that is told: one without drift if there is one that fits, in
// the middle of those, else the centre of gravity. A capture of seconds cannot tell
// little drift from none.
func (g polygon) best() point {
	low, high := math.Inf(1), math.Inf(-1)
	for i, p := range g {
		q := g[(i+1)%len(g)]
		if p.drift != q.drift && min(p.drift, q.drift) <= 0 && max(p.drift, q.drift) >= 0 {
			at := p.offset + (q.offset-p.offset)*p.drift/(p.drift-q.drift)
			low, high = min(low, at), max(high, at)
		}
	}
	if low <= high {
		return point{offset: (low + high) / 2}
	}
	return g.middle()
}

// middle returns the centre of gravity of g.
func (g polygon) middle() point {
	var area, offset, drift float64
	for i, p := range g {
		q := g[(i+1)%len(g)]
		o := g[0] // differences stay exact where corners are near each other and far from 0
		a := (p.offset-o.offset)*(q.drift-o.drift) - (q.offset-o.offset)*(p.drift-o.drift)
		area += a
		offset += a * (p.offset + q.offset - 2*o.offset)
		drift += a * (p.drift + q.drift - 2*o.drift)
	}
	if math.Abs(area) < 1e-15 {
		return g.mean()
	}
	return point{g[0].offset + offset/(3*area), g[0].drift + drift/(3*area)}
}

// mean returns the average of the corners, for a polygon without area.
func (g polygon) mean() point {
	var m point
	for _, p := range g {
		m.offset += (p.offset - g[0].offset) / float64(len(g))
		m.drift += (p.drift - g[0].drift) / float64(len(g))
	}
	return point{g[0].offset + m.offset, g[0].drift + m.drift}
}

// reach returns how far the lines of g are from v at time t.
func (g polygon) reach(t, v float64) float64 {
	far := 0.0
	for _, p := range g {
		far = max(far, math.Abs(p.at(t)-v))
	}
	return far
}
