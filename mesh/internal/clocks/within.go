package clocks

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/offset"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// An Own is how inputs of a pod were put right that have a clock of their own.
type Own struct {
	Inputs      []uint32
	Against     uint32       // one of the inputs whose clock counts in the pod
	Connections int          // that others saw too
	Correction  offset.Chain // along those others
	Error       int64        // how far a corrected time may be from the truth, in nanoseconds
}

// A part is inputs of one group, and their points: no point of it is in another part, so
// that its inputs cannot but share a clock.
type part struct {
	group  int
	inputs []uint32 // the first by name first
	points []tcpip.Point
}

// Within measures whether inputs of one pod were captured by one clock, and puts right
// what was read of those that were not. Inputs that share no connection with others are
// taken to have the pod's. names are the pods of the groups, and file names an input.
func Within(x *index.Index, names []string, file func(input uint32) string) []Own {
	parts, several := partsOf(x, file)
	if !several {
		return nil
	}
	slices.SortStableFunc(parts, func(p, q part) int { // so that it does not matter which was given first
		return cmp.Or(cmp.Compare(names[p.group], names[q.group]), cmp.Compare(file(p.inputs[0]), file(q.inputs[0])))
	})
	at := make(map[index.Place]watcher)
	for i, p := range parts {
		for _, point := range p.points {
			at[index.Place{Group: p.group, Point: point}] = i
		}
	}
	pairs, shared := pairsOf(x, len(parts), func(h index.HalfNo) watcher { return at[x.Place(h)] })
	links, _ := offset.Chains(len(parts), pairs, resolution)
	var owns []Own
	first := make(map[[2]int]watcher) // of a group, and of those that are tied together
	for i, p := range parts {
		k, ok := first[[2]int{p.group, links[i].Root}]
		if !ok {
			first[[2]int{p.group, links[i].Root}] = i
			continue
		}
		c, ok := offset.Between(links, i, k)
		if !ok || c.Right() {
			continue
		}
		owns = append(owns, Own{Inputs: p.inputs, Against: parts[k].inputs[0], Connections: sharedBy(i, shared), Correction: c, Error: c.Widest()})
		x.CorrectPoints(p.group, func(point tcpip.Point) func(int64) int64 {
			if at[index.Place{Group: p.group, Point: point}] == i {
				return c.Correct
			}
			return nil
		})
	}
	return owns
}

// sharedBy returns how many connections watcher w shares with others.
func sharedBy(w watcher, shared map[[2]watcher]int) (n int) {
	for who, k := range shared {
		if slices.Contains(who[:], w) {
			n += k
		}
	}
	return n
}

// partsOf lists the parts of all groups; several reports whether some group has more
// than one.
func partsOf(x *index.Index, file func(uint32) string) (all []part, several bool) {
	byName := func(a, b uint32) int { return cmp.Or(cmp.Compare(file(a), file(b)), cmp.Compare(a, b)) }
	for g, group := range x.Groups {
		before := len(all)
		of := sharers(group.Points)
		for i := range group.Points.Len() {
			ins := group.Points.Inputs(tcpip.Point(i))
			k := slices.IndexFunc(all[before:], func(p part) bool { return of[p.inputs[0]] == of[ins[0]] })
			if k < 0 {
				k = len(all) - before
				all = append(all, part{group: g})
			}
			p := &all[before+k]
			p.inputs, p.points = slices.Compact(append(p.inputs, ins...)), append(p.points, tcpip.Point(i))
		}
		for i := range all[before:] {
			in := &all[before+i].inputs
			slices.SortFunc(*in, byName)
			*in = slices.Compact(*in)
		}
		several = several || len(all)-before > 1
	}
	return all, several
}

// sharers returns for each input one of those that share points with it, or with one
// that does: the same for all of these.
func sharers(points *tcpip.Points) map[uint32]uint32 {
	of := make(map[uint32]uint32)
	for i := range points.Len() {
		ins := points.Inputs(tcpip.Point(i))
		for _, in := range ins {
			if _, ok := of[in]; !ok {
				of[in] = in
			}
			if from, to := of[in], of[ins[0]]; from != to {
				for k, v := range of {
					if v == from {
						of[k] = to
					}
				}
			}
		}
	}
	return of
}
