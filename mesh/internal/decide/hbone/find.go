package hbone

import (
	"math"
	"slices"
	"sort"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/algebra"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
)

// A place is where a burst is found among the records of a direction.
type place struct {
	records []int
	key     int  // of these the one that tells
	ways    int  // how many others it could have been for each that it is among
	run     bool // a run of any lengths that add up
}

// place looks for n bytes, which follow past others of their connection, among the
// records [lo, hi): in one, or in several as ztunnel reads them, or in a run of others.
func (m *tunnel) place(d int, n, past int64, lo, hi int, onward bool) place {
	at, length := m.single(d, n, lo, hi, onward)
	if length == 0 {
		if p := m.pieces(d, n, past, lo, hi, onward); len(p.records) > 0 {
			return p
		}
		at, length = m.find(d, n, lo, hi, onward)
	}
	p := place{key: at, ways: 1, run: length > 1}
	for k := range length {
		p.records = append(p.records, at+k)
	}
	return p
}

// between returns which records of a direction went by in a time, those before
// number least left out.
func (m *tunnel) between(d, least int, from, to int64) (lo, hi int) {
	ps := m.records[d]
	lo = max(least, sort.Search(len(ps), func(k int) bool { return ps[k].at >= from }))
	hi = max(lo, sort.Search(len(ps), func(k int) bool { return ps[k].at > to }))
	return lo, hi
}

// find looks for n bytes among the records [lo, hi) of a direction: in one, with
// one frame or with an end of the stream behind it, else in several. Of several
// it takes the nearest: the first if the burst goes on to the tunnel, the last if
// it comes from there.
func (m *tunnel) find(d int, n int64, lo, hi int, onward bool) (at, length int) {
	if at, length = m.single(d, n, lo, hi, onward); length > 0 {
		return at, length
	}
	if onward {
		hi = min(hi, lo+algebra.MaxLookAlikes)
	} else {
		lo = max(lo, hi-algebra.MaxLookAlikes)
	}
	at, length = runOf(m.records[d][lo:hi], n, onward)
	return lo + at, length
}

// single looks for n bytes in one record; length is 0 if there is none.
func (m *tunnel) single(d int, n int64, lo, hi int, onward bool) (at, length int) {
	best := -1
	for frames := int64(1); frames <= 2; frames++ {
		k := m.one(d, m.bySize[d][n+frames*turn.FrameHead], lo, hi, onward)
		if k >= 0 && (best < 0 || onward == (k < best)) {
			best = k
		}
	}
	if best < 0 {
		return 0, 0
	}
	return best, 1
}

// one returns the first of the listed records that lies in [lo, hi), or the last;
// -1 if none does.
func (m *tunnel) one(d int, list []int, lo, hi int, first bool) int {
	i, _ := slices.BinarySearch(list, lo)
	j, _ := slices.BinarySearch(list, hi)
	list = list[i:j]
	for k := range list {
		if !first {
			k = len(list) - 1 - k
		}
		if !m.records[d][list[k]].gone {
			return list[k]
		}
	}
	return -1
}

// maxRun is how many records a burst may be spread over.
const maxRun = 8

// runOf finds the first, or the last, run of records that holds n bytes in DATA
// frames: one frame for each record, or one more where the stream ended with it.
func runOf(ps []record, n int64, first bool) (at, length int) {
	for length = 2; length <= maxRun; length++ {
		for k := range max(len(ps)-length+1, 0) {
			if at = k; !first {
				at = len(ps) - length - k
			}
			if frames := sumOf(ps[at:at+length]) - n; frames == int64(length)*turn.FrameHead || frames == int64(length+1)*turn.FrameHead {
				return at, length
			}
		}
	}
	return 0, 0
}

// sumOf adds up the records of a run; it is negative if one belongs to another
// connection.
func sumOf(ps []record) (sum int64) {
	for _, p := range ps {
		if p.gone {
			return math.MinInt64 / 2
		}
		sum += p.n
	}
	return sum
}
