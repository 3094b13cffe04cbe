package assign

// A Rivalry tells how probable the others are of which one end is that of an edge.
// Where many streams go on at once probabilities are found by steps that may stop
// early, and need not add up to one: then the others say how far a edge can be
// trusted.
type Rivalry struct {
	edges    []Edge
	down, up [][2]int32 // by item: its two likeliest edges; -1 = none
}

// NewRivalry returns the rivalry of edges between so many items.
func NewRivalry(edges []Edge, down, up int) *Rivalry {
	r := &Rivalry{edges: edges, down: make([][2]int32, down), up: make([][2]int32, up)}
	for _, tops := range [2][][2]int32{r.down, r.up} {
		for i := range tops {
			tops[i] = [2]int32{-1, -1}
		}
	}
	for i := range edges {
		r.enter(&r.down[edges[i].D], int32(i))
		r.enter(&r.up[edges[i].U], int32(i))
	}
	return r
}

// enter puts edge i among the two likeliest.
func (r *Rivalry) enter(top *[2]int32, i int32) {
	switch p := r.edges[i].P; {
	case top[0] < 0 || p > r.edges[top[0]].P:
		top[0], top[1] = i, top[0]
	case top[1] < 0 || p > r.edges[top[1]].P:
		top[1] = i
	}
}

// Of returns the probability of the likeliest other edge of either end of edge i.
func (r *Rivalry) Of(i int32) (most float64) {
	for _, top := range [2][2]int32{r.down[r.edges[i].D], r.up[r.edges[i].U]} {
		for _, k := range top {
			if k >= 0 && k != i {
				most = max(most, r.edges[k].P)
			}
		}
	}
	return most
}
