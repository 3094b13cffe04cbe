package align

import (
	"math"
	"math/bits"
)

// Sizes is by kind of message how many bytes it takes beside those that are certain.
type Sizes []Size

// A Size is learned: mean and spread of what messages of one kind take.
type Size struct{ n, sum, square float64 }

// Before anything is learned a head takes about this, give or take.
const (
	firstMean   = 60.0
	firstSpread = 40.0
	// asMany is how many messages what is believed beforehand counts for.
	asMany = 1.0
	// leastSpread is the least deviation: numbers in header fields have more digits or fewer.
	leastSpread = 2.5
)

// Add learns what one message took, with a probability.
func (s *Size) Add(bytes int64, p float64) {
	x := float64(bytes)
	s.n += p
	s.sum += p * x
	s.square += p * x * x
}

// Trust returns what one message counts for by which the size was learned: the farther from
// the others, the less.
func (s *Size) Trust(bytes int64) float64 {
	x := float64(bytes - s.mean())
	return 5 / (4 + x*x/float64(s.spread()))
}

func (s *Size) mean() int64 {
	return int64(math.Round((s.sum + asMany*firstMean) / (s.n + asMany)))
}

// spread returns the variance.
func (s *Size) spread() int64 {
	own := 0.0
	if s.n > 0 {
		own = max(s.square-s.sum*s.sum/s.n, 0)
	}
	prior := asMany
	if s.n > asMany {
		prior /= s.n // what was seen says more of it than of the mean
	}
	v := (own + prior*firstSpread*firstSpread) / (s.n + prior)
	return int64(math.Ceil(max(v, leastSpread*leastSpread)))
}

// Classes is how many classes of delays are told apart.
const Classes = 2

// Delays learns how long messages take to their records.
type Delays struct {
	n     [delayBins]float64
	total float64
}

const (
	perOctave = 3
	delayBins = 24 * perOctave
	delayUnit = int64(16e3) // nanoseconds
	// before is how many delays what is believed beforehand counts for.
	before = 2.0
	// usualDelay is about how long a proxy takes, in nanoseconds.
	usualDelay = 3e5
)

func bin(nanos int64) int {
	v := uint64(max(nanos, 0) + delayUnit)
	octave := bits.Len64(v/uint64(delayUnit)) - 1
	in := float64(v)/(float64(delayUnit)*float64(uint64(1)<<octave)) - 1
	return min(octave*perOctave+int(in*perOctave), delayBins-1)
}

func width(i int) float64 {
	return float64(delayUnit) * float64(uint64(1)<<(i/perOctave)) / perOctave
}

// Add learns a delay, with a probability.
func (d *Delays) Add(nanos int64, p float64) {
	i := bin(nanos)
	for k, share := range [3]float64{.25, .5, .25} {
		if j := i + k - 1; j >= 0 && j < delayBins {
			d.n[j] += p * share
		}
	}
	d.total += p
}

// Density returns the density of a delay, per nanosecond: short ones are likelier
// beforehand.
func (d *Delays) Density(nanos int64) float64 {
	if nanos < -causality {
		return 0
	}
	t := float64(max(nanos, 0))
	prior := 2 * usualDelay * usualDelay / ((t + usualDelay) * (t + usualDelay) * (t + usualDelay))
	i := bin(nanos)
	return (d.n[i]/width(i) + before*prior) / (d.total + before)
}

// peak returns the greatest density.
func (d *Delays) peak() float64 {
	top := 0.0
	for i := range d.n {
		at := int64(float64(delayUnit)*float64(uint64(1)<<(i/perOctave))*(1+(float64(i%perOctave)+.5)/perOctave)) - delayUnit
		top = max(top, d.Density(at))
	}
	return top
}

// Alike returns how likely it is that a message of form a is as long as one of form b, as a
// multiple of how likely its own length is.
func Alike(a, b Form, sizes Sizes) float64 {
	if a.Vague || b.Vague {
		return 1
	}
	x := float64(a.Bytes + sizes[a.Kind].mean() - b.Bytes - sizes[b.Kind].mean())
	scale := math.Sqrt(float64(sizes[a.Kind].spread() + sizes[b.Kind].spread()))
	return student(x, scale) / student(0, scale)
}
