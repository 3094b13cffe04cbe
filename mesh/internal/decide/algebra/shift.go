package algebra

import (
	"math"
	"math/bits"

	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// What a proxy does to lengths and how long it takes are learned from the
// capture at hand. The only numbers here say how much is believed before
// anything is learned; what is learned outweighs them.

// unknownShift stands for a difference of lengths that cannot be told.
const unknownShift = math.MinInt64

// shifts learns by how many bytes the proxy makes messages of one direction
// shorter: few values, since they are headers that it adds or takes, and others
// for other peers.
type shifts struct {
	all    tally
	peer   map[int32]*tally
	others tally // of pairs that do not belong together
	coarse tally // the same in steps of 64 bytes
	exact  bool  // bytes pass unchanged: the difference is 0, or else what others show
}

type tally struct {
	n     map[int64]float64
	total float64
}

func (t *tally) add(x int64, p float64) {
	if t.n == nil {
		t.n = make(map[int64]float64)
	}
	t.n[x] += p
	t.total += p
}

// add learns a difference of a peer, with a probability.
func (s *shifts) add(peer int32, x int64, p float64) {
	if s.peer == nil {
		s.peer = make(map[int32]*tally)
	}
	t := s.peer[peer]
	if t == nil {
		t = new(tally)
		s.peer[peer] = t
	}
	t.add(x, p)
	s.all.add(x, p)
}

// addOther counts the difference of a pair that does not belong together.
func (s *shifts) addOther(x int64, p float64) {
	s.others.add(x, p)
	s.coarse.add(x>>coarseBits, p)
}

// coarseBits is the logarithm of the step by which it is counted how often
// strangers differ by about as much.
const coarseBits = 6

// ratio returns how much likelier difference x is between exchanges that belong
// together than between others: lengths that all have in common say little.
func (s *shifts) ratio(peer int32, x int64, own witness) float64 {
	others := (s.others.n[x] + s.coarse.n[x>>coarseBits]/(1<<coarseBits)) / 2
	return s.likely(peer, x, own) / ((others + doubt/(2*shiftScale)) / (s.others.total + doubt))
}

// doubt is how many pairs what is believed of strangers beforehand counts for.
const doubt = 20.0

// shiftScale is the scale in bytes of differences before anything is known of
// them: that of a few header fields.
const shiftScale = 256

// likely returns the probability of difference x with the given peer. What
// was not seen of the peer is taken from all, and what was not seen at all from
// a wide distribution. own is how much of what was seen is the word of the
// strand that asks: nobody is his own witness.
func (s *shifts) likely(peer int32, x int64, own witness) float64 {
	p := s.prior(x)
	mine := own.of(x)
	p = (max(s.all.n[x]-mine, 0) + p) / (max(s.all.total-own.p, 0) + 1)
	if t := s.peer[peer]; t != nil {
		p = (max(t.n[x]-mine, 0) + p) / (max(t.total-own.p, 0) + 1)
	}
	return max(p, math.SmallestNonzeroFloat32)
}

// prior returns how likely difference x is before anything is learned.
func (s *shifts) prior(x int64) float64 {
	p := math.Exp(-math.Abs(float64(x))/shiftScale) / (2 * shiftScale)
	switch {
	case !s.exact:
		return p
	case x == 0:
		return 1
	}
	return p * unlikely
}

// unlikely is how likely it is that bytes that should pass unchanged do not.
const unlikely = 1e-3

// usual reports whether others have difference x too, or nearly so. Where there
// are hardly any others, nothing is unusual.
func (s *shifts) usual(x int64, own witness) bool {
	if s.all.total-own.p < fewOthers {
		return !s.exact || x == 0
	}
	near := -own.p
	for y := x - nearShift; y <= x+nearShift; y++ {
		near += s.all.n[y]
	}
	return near >= .5
}

const (
	nearShift = 16 // bytes by which differences of one kind vary: numbers and dates in header fields
	fewOthers = 3
)

// A witness is what one strand said when last was learned.
type witness struct {
	x int64
	p float64
}

// of returns how much the witness said x.
func (w witness) of(x int64) float64 {
	if w.x == x {
		return w.p
	}
	return 0
}

// delays learns how long the proxy takes, as a density over time: a histogram
// whose bins grow with the delay.
type delays struct {
	n, others          [delayBins]float64 // of pairs that belong together, and of others
	total, othersTotal float64
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

// add learns a delay, with a probability.
func (d *delays) add(nanos int64, p float64) {
	if nanos < -index.Causality {
		return
	}
	i := bin(nanos)
	for k := max(i-2, 0); k <= min(i+2, delayBins-1); k++ {
		d.n[k] += p * spread[k-i+2]
	}
	d.total += p
}

// near returns how many pairs that belong together took about as long.
func (d *delays) near(nanos int64) (n float64) {
	i := bin(nanos)
	for k := max(i-2, 0); k <= min(i+2, delayBins-1); k++ {
		n += d.n[k]
	}
	return n
}

// addOther counts the delay of a pair that does not belong together.
func (d *delays) addOther(nanos int64, p float64) {
	if nanos < -index.Causality {
		return
	}
	i := bin(nanos)
	for k := max(i-2, 0); k <= min(i+2, delayBins-1); k++ {
		d.others[k] += p * spread[k-i+2]
	}
	d.othersTotal += p
}

// ratio returns how much likelier a delay is between exchanges that belong
// together than between others.
func (d *delays) ratio(nanos int64, own witness) float64 {
	i := bin(nanos)
	n, total := d.others[i], d.othersTotal
	if own.x >= -index.Causality { // nobody is his own witness, here neither
		if k := bin(own.x) - i; k >= -2 && k <= 2 {
			n = max(n-(1-own.p)*spread[2+k], 0)
		}
		total = max(total-(1-own.p), 0)
	}
	return d.likely(nanos, own) / ((n/width(i) + doubt/strangers) / (total + doubt))
}

// strangers is over what time exchanges lie that have nothing to do with each
// other, before anything is learned, in nanoseconds.
const strangers = 1e8

// spread is how much a delay says of the bins around its own.
var spread = [5]float64{.1, .2, .4, .2, .1}

// likely returns the density of a delay, per nanosecond. Before anything is
// learned short delays are likelier than long ones, of any scale. own is what
// the strand that asks said itself.
func (d *delays) likely(nanos int64, own witness) float64 {
	t := float64(max(nanos, 0))
	prior := 1 / ((t + 1e5) * math.Log(longestDelay/1e5))
	i := bin(nanos)
	n := d.n[i]
	if own.x >= -index.Causality {
		if k := bin(own.x) - i; k >= -2 && k <= 2 {
			n = max(n-own.p*spread[2+k], 0)
		}
	}
	return (n/width(i) + prior) / (max(d.total-own.p, 0) + 1)
}
