package algebra

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/assign"
)

// Under load lengths are alike and delays say nothing, but a proxy's event loop
// nearly keeps the order. So the exchanges of both sides are counted, once in
// the order of their requests and once in that of their responses, and those
// of the same number belong together where both orders say so. One exchange
// that is late, or was not captured, puts all numbers after it wrong. That is
// seen in the other order, and set right by what most neighbours say there.
//
// Only such are counted together as can belong together: an exchange of other
// lengths, or one that was over before, moves nobody's number.
//
// How often the orders are right is measured in the same crowd, and what cannot
// be measured is not claimed. Of members that lengths tie it is known whether the
// orders say the same. Without such, those of which the orders differ by one are
// known to be no pair: if the orders did no more than meet by chance, they would meet
// at the right place as often as one beside it. That holds only of a proxy that does one
// thing after the other, as its pauses show: two workers overtake each other on the way
// back as they did on the way there, so that both orders agree on what is wrong.

// A queue is both sides of a crossing in the order of one time.
type queue struct {
	down, up []int32 // items in order
	atDown   []int32 // place of each item; -1 = it has no time
	atUp     []int32
}

const manyKnown = 20 // members that are known otherwise

// A lineup is what both orders say of the members of crowds.
type lineup struct {
	of     []int32 // by upstream item: the downstream item that both orders give it and most neighbours confirm; -1 = none
	serial bool    // the proxy does one thing after the other
	off    []int   // by downstream item: how much later its number is by responses than by requests
	told   []bool  // by downstream item: most neighbours confirm that
}

// ordered lines up both sides, without the crowds of which somebody is missing.
func (a *algebra) ordered() *lineup {
	l := &lineup{of: make([]int32, len(a.up)), serial: a.serial(), off: make([]int, len(a.down)), told: make([]bool, len(a.down))}
	for u := range l.of {
		l.of[u] = -1
	}
	var all assign.Group
	for _, c := range a.crowds() {
		if len(c.Down) == len(c.Up) { // else one that is missing puts all after it wrong, on both sides alike
			all.Down, all.Up = append(all.Down, c.Down...), append(all.Up, c.Up...)
		}
	}
	if len(all.Down) > assign.Neighbours {
		l.enter(a, all)
	}
	return l
}

// serial reports whether the proxy does one thing after the other.
func (a *algebra) serial() bool {
	requests, answers := make([]int64, 0, len(a.up)), make([]int64, 0, len(a.down))
	for i := range a.up {
		requests = append(requests, a.up[i].reqAt)
	}
	for i := range a.down {
		answers = append(answers, a.down[i].lastRespAt())
	}
	untimed := func(at int64) bool { return at == noTime }
	return assign.Serial(slices.DeleteFunc(requests, untimed), slices.DeleteFunc(answers, untimed))
}

// crowds lists who can go together: what strands connect that have a chance, and
// differences of lengths that others have.
func (a *algebra) crowds() []assign.Group {
	return assign.Groups(len(a.down), len(a.up), a.pairing.Edges, func(i int32) bool {
		s := a.strand(i)
		return s.P > 0 && a.usual(s)
	})
}

// enter lines up who is there.
func (l *lineup) enter(a *algebra, c assign.Group) {
	req := a.queue(c, func(it *item) int64 { return it.reqAt })
	resp := a.queue(c, func(it *item) int64 { return it.lastRespAt() })
	agree := make([]bool, len(req.down))
	for k, d := range req.down {
		l.off[d] = resp.apart(d, req.partner(d))
		agree[k] = l.off[d] == 0
	}
	for k, d := range req.down {
		if l.told[d] = assign.Confirmed(agree, k); l.told[d] && agree[k] {
			l.of[req.partner(d)] = d
		}
	}
}

// rate returns how often the orders are right: of pairs that are known otherwise, if they
// are many, and times would have let a neighbour take one end; else what the crowd shows
// itself. known lists by downstream item its upstream item, or -1.
func (l *lineup) rate(a *algebra, known []int32) float64 {
	n, right := 0, 0
	for k, d := range a.downOrder {
		u := known[d]
		if u < 0 || l.of[u] < 0 {
			continue
		}
		for _, e := range a.downOrder[max(k-1, 0):min(k+2, len(a.downOrder))] {
			if v := known[e]; e != d && v >= 0 && a.encloses(d, v) && a.encloses(e, u) {
				n++
				if l.of[u] == d {
					right++
				}
				break
			}
		}
	}
	if n >= manyKnown {
		return float64(right+1) / float64(n+2)
	}
	if !l.serial {
		return 0
	}
	return l.beside(known)
}

// beside returns how often the orders are right where most meet at one place and some
// beside it, of those that are not known otherwise.
func (l *lineup) beside(known []int32) float64 {
	var met [3]int // one place before it, there, one after
	for d, off := range l.off {
		if l.told[d] && known[d] < 0 && off >= -1 && off <= 1 {
			met[off+1]++
		}
	}
	return 1 - float64(max(met[0], met[2])+1)/float64(max(met[1], 1))
}

// queue puts both sides of a crowd in the order of the given time.
func (a *algebra) queue(c assign.Group, time func(*item) int64) *queue {
	q := new(queue)
	q.down, q.atDown = inTime(a.down, c.Down, time)
	q.up, q.atUp = inTime(a.up, c.Up, time)
	return q
}

// inTime returns those of the members that have the given time in its order, and the
// place of each item.
func inTime(items []item, members []int32, time func(*item) int64) (order, place []int32) {
	place = make([]int32, len(items))
	for i := range place {
		place[i] = -1
	}
	for _, i := range members {
		if time(&items[i]) != noTime {
			order = append(order, i)
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

// apart returns by how much the number of u is greater than that of d; very much if one
// has none.
func (q *queue) apart(d, u int32) int {
	if u < 0 || q.atDown[d] < 0 || q.atUp[u] < 0 {
		return len(q.down) + len(q.up)
	}
	return int(q.atUp[u] - q.atDown[d])
}
