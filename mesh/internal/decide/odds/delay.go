package odds

import (
	"iter"
	"math"
	"math/bits"

	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// Delays learns how long the proxy takes, as a density over time.
type Delays struct {
	own, others density // of pairs that belong together, and of others
}

// A density is a histogram whose bins grow with the delay.
type density struct {
	n     [delayBins]float64
	total float64
}

const (
	binsPerOctave = 4
	delayBins     = 32 * binsPerOctave      // up to an hour
	delayUnit     = uint64(index.Causality) // nanoseconds: shorter delays cannot be told apart
	longestDelay  = 1e10                    // nanoseconds: where what is believed beforehand ends
)

// bin returns the bin of a delay in nanoseconds, and the bin's limits.
func bin(nanos int64) int {
	v := uint64(max(nanos, 0)) + delayUnit
	octave := bits.Len64(v/delayUnit) - 1
	in := float64(v)/(float64(delayUnit)*float64(uint64(1)<<octave)) - 1 // 0 to 1 within the octave
	return min(octave*binsPerOctave+int(in*binsPerOctave), delayBins-1)
}

// width returns the width of bin i in nanoseconds.
func width(i int) float64 {
	return float64(delayUnit) * float64(uint64(1)<<(i/binsPerOctave)) / binsPerOctave
}

// Add learns a delay, with a probability.
func (d *Delays) Add(nanos int64, p float64) { d.own.add(nanos, p) }

// AddOther counts the delay of a pair that does not belong together.
func (d *Delays) AddOther(nanos int64, p float64) { d.others.add(nanos, p) }

// Near returns how many pairs that belong together took about as long.
func (d *Delays) Near(nanos int64) (n float64) {
	for k := range around(bin(nanos)) {
		n += d.own.n[k]
	}
	return n
}

// add counts a delay. An effect before its cause says nothing.
func (d *density) add(nanos int64, p float64) {
	if nanos < -index.Causality {
		return
	}
	for k, share := range around(bin(nanos)) {
		d.n[k] += p * share
	}
	d.total += p
}

// without returns what was counted in bin i and in all, without what a witness said.
func (d *density) without(i int, own Witness) (n, total float64) {
	if own.X < -index.Causality {
		return d.n[i], max(d.total-own.P, 0)
	}
	n = d.n[i]
	for k, share := range around(bin(own.X)) {
		if k == i {
			n = max(n-own.P*share, 0)
		}
	}
	return n, max(d.total-own.P, 0)
}

// around yields the bins of which a delay in bin i says something, and how much.
func around(i int) iter.Seq2[int, float64] {
	return func(yield func(int, float64) bool) {
		for k, share := range spread {
			if j := i + k - len(spread)/2; j >= 0 && j < delayBins && !yield(j, share) {
				return
			}
		}
	}
}

// spread is how much a delay says of the bins around its own.
var spread = [5]float64{.1, .2, .4, .2, .1}

// Ratio returns how much likelier a delay is between exchanges that belong
// together than between others. own is what the strand that asks said itself: as far as
// it did not belong together it was counted among the others.
func (d *Delays) Ratio(nanos int64, own Witness) float64 {
	i := bin(nanos)
	n, total := d.others.n[i], d.others.total
	if own.X >= -index.Causality { // nobody is his own witness, here neither
		n, total = d.others.without(i, Witness{own.X, 1 - own.P})
	}
	return d.Likely(nanos, own) / ((n/width(i) + doubt/strangers) / (total + doubt))
}

// strangers is over what time exchanges lie that have nothing to do with each
// other, before anything is learned, in nanoseconds.
const strangers = 2e8

// Likely returns the density of a delay, per nanosecond. Before anything is
// learned short delays are likelier than long ones, of any scale.
func (d *Delays) Likely(nanos int64, own Witness) float64 {
	t := float64(max(nanos, 0))
	prior := 1 / ((t + 1e5) * math.Log(longestDelay/1e5))
	i := bin(nanos)
	n, total := d.own.without(i, own)
	return (n/width(i) + prior) / (total + 1)
}
