package assign

// A Matching is one of upstream items with downstream items: which edges hold
// whatever else is true, and which only may.
//
// Every upstream exchange was caused by one downstream exchange, so the truth
// is a matching that covers as many upstream items as can be covered. An edge
// that is in every such matching is forced: the capture determines it. The
// others are ambiguous.
type Matching struct {
	Down, Up [][]int // edges: down[d] lists ups, up[u] lists downs
	OfDown   []int   // matched up of each down; -1 = none
	OfUp     []int   // matched down of each up; -1 = none
	Forced   []bool  // by up: its matched edge is in every maximum matching
}

// Match computes a maximum matching of nDown and up items; up[u] lists the
// candidates of u in a deterministic order.
func Match(nDown int, up [][]int) *Matching {
	a := &Matching{Down: make([][]int, nDown), Up: up, OfDown: fill(nDown), OfUp: fill(len(up)), Forced: make([]bool, len(up))}
	for u, ds := range up {
		for _, d := range ds {
			a.Down[d] = append(a.Down[d], u)
		}
	}
	seen := make([]int, nDown)
	for u := range up {
		a.augment(u, u+1, seen)
	}
	a.findForced()
	return a
}

func fill(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = -1
	}
	return s
}

// augment looks for a place for u, moving others if need be (Kuhn's
// algorithm, with an explicit stack since chains can be long). seen marks the
// downs tried in this round.
func (a *Matching) augment(u, round int, seen []int) bool {
	for _, d := range a.Up[u] {
		if a.OfDown[d] < 0 {
			a.OfDown[d], a.OfUp[u] = u, d
			return true
		}
	}
	type frame struct{ u, next int }
	stack := []frame{{u, 0}}
	var via []int // downs along the stack
	for len(stack) > 0 {
		f := &stack[len(stack)-1]
		if f.next == len(a.Up[f.u]) {
			stack = stack[:len(stack)-1]
			if len(via) > 0 {
				via = via[:len(via)-1]
			}
			continue
		}
		d := a.Up[f.u][f.next]
		f.next++
		if seen[d] == round {
			continue
		}
		seen[d] = round
		via = append(via, d)
		if a.OfDown[d] < 0 {
			for i := range stack {
				a.OfDown[via[i]], a.OfUp[stack[i].u] = stack[i].u, via[i]
			}
			return true
		}
		stack = append(stack, frame{a.OfDown[d], 0})
	}
	return false
}

// findForced marks the matched edges that no other maximum matching can do
// without (Dulmage-Mendelsohn): those that lie on no alternating path from a
// free item and on no alternating cycle.
func (a *Matching) findForced() {
	loose := make([]bool, len(a.Up)) // matched ups that another matching pairs otherwise
	a.loosenFromFreeUps(loose)
	a.loosenFromFreeDowns(loose)
	comp := a.components()
	size := make(map[int]int)
	for u := range a.Up {
		if a.OfUp[u] >= 0 {
			size[comp[u]]++
		}
	}
	for u := range a.Up {
		a.Forced[u] = a.OfUp[u] >= 0 && !loose[u] && size[comp[u]] == 1
	}
}

// loosenFromFreeUps follows free up → down → its matched up.
func (a *Matching) loosenFromFreeUps(loose []bool) {
	var queue []int
	for u := range a.Up {
		if a.OfUp[u] < 0 {
			queue = append(queue, u)
		}
	}
	for len(queue) > 0 {
		u := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, d := range a.Up[u] {
			if v := a.OfDown[d]; v >= 0 && !loose[v] {
				loose[v] = true
				queue = append(queue, v)
			}
		}
	}
}

// loosenFromFreeDowns follows free down → up → its matched down.
func (a *Matching) loosenFromFreeDowns(loose []bool) {
	var queue []int
	for d := range a.Down {
		if a.OfDown[d] < 0 {
			queue = append(queue, d)
		}
	}
	visited := make([]bool, len(a.Up))
	for len(queue) > 0 {
		d := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, u := range a.Down[d] {
			if m := a.OfUp[u]; m >= 0 && m != d && !visited[u] {
				visited[u], loose[u] = true, true
				queue = append(queue, m)
			}
		}
	}
}

// components numbers the strongly connected components of the graph in which
// up u points to the up matched with each of u's other candidates (Tarjan's
// algorithm, iterative).
func (a *Matching) components() []int {
	n := len(a.Up)
	comp, index, low := fill(n), fill(n), make([]int, n)
	var stack []int
	onStack := make([]bool, n)
	next, ncomp := 0, 0
	type frame struct{ u, edge int }
	for root := range a.Up {
		if index[root] >= 0 || a.OfUp[root] < 0 {
			continue
		}
		calls := []frame{{root, 0}}
		for len(calls) > 0 {
			f := &calls[len(calls)-1]
			if f.edge == 0 && index[f.u] < 0 {
				index[f.u], low[f.u] = next, next
				next++
				stack, onStack[f.u] = append(stack, f.u), true
			}
			if v, ok := a.step(f.u, f.edge); ok {
				f.edge++
				switch {
				case v < 0:
				case index[v] < 0:
					calls = append(calls, frame{v, 0})
				case onStack[v]:
					low[f.u] = min(low[f.u], index[v])
				}
				continue
			}
			u := f.u
			calls = calls[:len(calls)-1]
			if len(calls) > 0 {
				p := calls[len(calls)-1].u
				low[p] = min(low[p], low[u])
			}
			if low[u] == index[u] {
				for {
					v := stack[len(stack)-1]
					stack, onStack[v] = stack[:len(stack)-1], false
					comp[v] = ncomp
					if v == u {
						break
					}
				}
				ncomp++
			}
		}
	}
	return comp
}

// step returns the up matched with candidate i of u; -1 when that is u itself
// or the candidate is free; ok is false after the last.
func (a *Matching) step(u, i int) (v int, ok bool) {
	if i >= len(a.Up[u]) {
		return -1, false
	}
	v = a.OfDown[a.Up[u][i]]
	if v == u {
		v = -1
	}
	return v, true
}
