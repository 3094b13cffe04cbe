package hbone

import (
	"iter"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/algebra"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
)

// ztunnel sends on what one read gave it, in one frame and one record. How much it reads
// at once grows with what went through in that direction before (ztunnel: src/copy.rs),
// so that a long burst is full records and one with the rest, and the rest tells.

// reads are how much ztunnel reads at once, and up to how many bytes of a direction. After
// that a read is spread over many records, of which the last tells nothing.
var reads = [...]struct{ until, atOnce int64 }{{128 << 10, 1024}, {10_000_000, 16320}}

// maxPieces is how many records of a burst are looked for.
const maxPieces = 256

// split returns into what lengths n bytes are cut that follow past others: how many of
// each full length, and the rest; ok is false if they are not cut, or nothing is left to
// tell them by.
func split(n, past int64) (full [len(reads)]int, rest int64, ok bool) {
	for i, r := range reads {
		for past < r.until && n >= r.atOnce {
			past, n = past+r.atOnce, n-r.atOnce
			if full[i]++; full[i] > maxPieces {
				return full, 0, false
			}
		}
		if past < r.until {
			return full, n, n > 0 && full != [len(reads)]int{}
		}
	}
	return full, 0, false
}

// nearBy is how many records of other streams may stand between the last two of one.
const nearBy = 8

// pieces looks for n bytes, which follow past others of their connection, as ztunnel cuts
// them: the rest in a record of its own, with an end of the stream or without, and before
// it as many full ones. Records of others may stand between. An application that writes
// twice may have the rest in two.
func (m *tunnel) pieces(d int, n, past int64, lo, hi int, onward bool) (p place) {
	full, rest, ok := split(n, past)
	if !ok {
		return place{}
	}
	for frames := int64(1); frames <= 2; frames++ {
		for at := range m.sized(d, rest+frames*turn.FrameHead, lo, hi, onward) {
			if rs := m.before(d, full, lo, at); rs != nil && (len(p.records) == 0 || onward == (at < p.key)) {
				p = place{append(rs, at), at, 1, false}
			}
		}
	}
	if len(p.records) > 0 {
		return p
	}
	reach := algebra.MaxLookAlikes + 4*(full[0]+full[1])
	if onward {
		hi = min(hi, lo+reach)
	} else {
		lo = max(lo, hi-reach)
	}
	for i := range max(hi-lo, 0) {
		at := lo + i
		if !onward {
			at = hi - 1 - i
		}
		if p = m.twoRests(d, full, rest, lo, at); len(p.records) > 0 {
			return p
		}
	}
	return place{}
}

// taken reports whether there is a record of the length of n bytes, or of their rest, in
// [lo, hi), which is another's or has not enough before it: then it says little that these
// are not found.
func (m *tunnel) taken(d int, n, past int64, lo, hi int) bool {
	if _, rest, ok := split(n, past); ok {
		n = rest
	}
	for frames := int64(1); frames <= 2; frames++ {
		list := m.bySize[d][n+frames*turn.FrameHead]
		i, _ := slices.BinarySearch(list, lo)
		if i < len(list) && list[i] < hi {
			return true
		}
	}
	return false
}

// sized lists the records of a length in [lo, hi) that are nobody's yet, from the near end,
// as many as are looked at.
func (m *tunnel) sized(d int, n int64, lo, hi int, onward bool) iter.Seq[int] {
	list := m.bySize[d][n]
	i, _ := slices.BinarySearch(list, lo)
	j, _ := slices.BinarySearch(list, hi)
	list = list[i:j]
	return func(yield func(int) bool) {
		for k := range min(len(list), algebra.MaxLookAlikes) {
			if !onward {
				k = len(list) - 1 - k
			}
			if !m.records[d][list[k]].gone && !yield(list[k]) {
				return
			}
		}
	}
}

// twoRests looks for a rest in two records, of which the second is the record at.
func (m *tunnel) twoRests(d int, full [len(reads)]int, rest int64, lo, at int) place {
	end := &m.records[d][at]
	for frames := int64(1); frames <= 2; frames++ {
		first := rest - (end.n - frames*turn.FrameHead)
		if end.gone || end.n <= frames*turn.FrameHead || end.n >= reads[0].atOnce {
			continue
		}
		before := full
		if first <= 0 { // it took what one of the full ones would have had
			i := 0
			for i < len(reads)-1 && full[i+1] > 0 {
				i++
			}
			if full[i] == 0 {
				continue
			}
			first += reads[i].atOnce
			before[i]--
		}
		for k := at - 1; k >= max(lo, at-nearBy); k-- {
			if q := &m.records[d][k]; !q.gone && q.n == first+turn.FrameHead {
				if rs := m.before(d, before, lo, k); rs != nil {
					return place{append(rs, k, at), k, 2 * nearBy, false} // with any of so many, of either framing
				}
			}
		}
	}
	return place{}
}

// before lists the last full records of [lo, hi), as many as there must be; nil if there
// are fewer.
func (m *tunnel) before(d int, full [len(reads)]int, lo, hi int) []int {
	rs := make([]int, 0, full[0]+full[1])
	lo = max(lo, hi-(full[0]+full[1])*algebra.MaxLookAlikes)
	for i := len(reads) - 1; i >= 0; i-- {
		for k := hi - 1; k >= lo && full[i] > 0; k-- {
			if p := &m.records[d][k]; !p.gone && p.n == reads[i].atOnce+turn.FrameHead {
				rs = append(rs, k)
				full[i]--
				hi = k
			}
		}
		if full[i] > 0 {
			return nil
		}
	}
	slices.Reverse(rs)
	return rs
}
