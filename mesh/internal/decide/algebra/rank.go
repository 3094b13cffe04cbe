package algebra

import (
	"cmp"
	"slices"
)

// Under load lengths are alike and delays say nothing, but a proxy's event loop
// nearly keeps the order. So the exchanges of both sides are counted, once in
// the order of their requests and once in that of their responses, and those
// of the same number belong together where both orders say so. One exchange
// that is late, or was not captured, puts all numbers after it wrong. That is
// seen in the other order, and set right by what most neighbours say there.

// A queue is both sides of a crossing in the order of one time.
type queue struct {
	down, up []int32 // items in order
	atDown   []int32 // place of each item; -1 = it has no time
}

// neighbours is how many items before and after one are asked.
const neighbours = 32

// Ordered returns for each upstream item the downstream item that both orders
// give it and most of the neighbours confirm; -1 if there is none.
func (a *Algebra) Ordered() []int32 {
	req := a.queue(func(it *Item) int64 { return it.ReqAt })
	resp := a.queue(func(it *Item) int64 { return it.lastRespAt() })
	of := make([]int32, len(a.Up))
	for u := range of {
		of[u] = -1
	}
	agree := make([]bool, len(req.down))
	for k, d := range req.down {
		u := req.partner(d)
		agree[k] = u >= 0 && u == resp.partner(d)
	}
	for k, d := range req.down {
		if agree[k] && confirmed(agree, k) {
			of[req.partner(d)] = d
		}
	}
	return of
}

// confirmed reports whether most of the neighbours of k agree too.
func confirmed(agree []bool, k int) bool {
	from, to := max(k-neighbours, 0), min(k+neighbours+1, len(agree))
	n := 0
	for _, ok := range agree[from:to] {
		if ok {
			n++
		}
	}
	return 2*n > to-from
}

// queue puts both sides in the order of the given time.
func (a *Algebra) queue(time func(*Item) int64) *queue {
	q := new(queue)
	q.down, q.atDown = inTime(a.Down, time)
	q.up, _ = inTime(a.Up, time)
	return q
}

// inTime returns the items that have the given time in its order, and the
// place of each item.
func inTime(items []Item, time func(*Item) int64) (order, place []int32) {
	place = make([]int32, len(items))
	for i := range items {
		place[i] = -1
		if time(&items[i]) != NoTime {
			order = append(order, int32(i))
		}
	}
	slices.SortStableFunc(order, func(i, j int32) int { return cmp.Compare(time(&items[i]), time(&items[j])) })
	for k, i := range order {
		place[i] = int32(k)
	}
	return order, place
}

// partner returns the upstream item of d's number; -1 if there is none.
func (q *queue) partner(d int32) int32 {
	if k := q.atDown[d]; k >= 0 && int(k) < len(q.up) {
		return q.up[k]
	}
	return -1
}
