package assign

import "slices"

// Neighbours is how many items before and after one are asked.
const Neighbours = 32

// Confirmed reports whether most of the neighbours of k agree too.
func Confirmed(agree []bool, k int) bool {
	from, to := max(k-Neighbours, 0), min(k+Neighbours+1, len(agree))
	n := 0
	for _, ok := range agree[from:to] {
		if ok {
			n++
		}
	}
	return 2*n > to-from
}

const (
	// leastPause is the share of the usual pause that is made at least between two
	// things that are done one after the other: nearly all of it, and of several workers a
	// twentieth is shorter than a tenth.
	leastPause = .25
	// manyPauses is how many tell.
	manyPauses = 20
)

// Serial reports whether something does one thing after the other, by when it sent what
// takes its time, and when it sent other things: the former comes some time after what
// was sent last, whatever that was.
func Serial(slow, other []int64) bool {
	isSlow := make(map[int64]bool)
	for _, at := range slow {
		isSlow[at] = true
	}
	sent := slices.Concat(slow, other)
	slices.Sort(sent)
	var pauses []int64
	for k, at := range sent {
		if k > 0 && isSlow[at] {
			pauses = append(pauses, at-sent[k-1])
		}
	}
	slices.Sort(pauses)
	n := len(pauses)
	return n >= manyPauses && pauses[n/2] > 0 && float64(pauses[n/20]) >= leastPause*float64(pauses[n/2])
}
