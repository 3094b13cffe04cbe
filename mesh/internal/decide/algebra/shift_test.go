package algebra

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// nobody has seen anything himself.
var nobody witness

// binOf returns the bin of a delay, and its width in nanoseconds.
func binOf(nanos int64) (int, float64) { return bin(nanos), width(bin(nanos)) }

// Bins follow each other without holes, and each is as wide as it says.
func TestDelayBins(t *testing.T) {
	last, _ := binOf(0)
	if last != 0 {
		t.Fatalf("no delay is in bin %d", last)
	}
	edge := 0.0 // where bin last begins
	for nanos := int64(1); nanos < 1e12; nanos += 1 + nanos/500 {
		i, width := binOf(nanos)
		if i < last || i > last+1 {
			t.Fatalf("%d ns is in bin %d, a little less in %d", nanos, i, last)
		}
		if i > last {
			_, w := binOf(nanos - 1 - nanos/500)
			edge, last = edge+w, i
		}
		if x := float64(nanos); x < edge-1 || x > edge+width+1 {
			t.Fatalf("%d ns is in bin %d, which goes from %.0f to %.0f", nanos, i, edge, edge+width)
		}
	}
	for _, nanos := range []int64{-1, -index.Causality, math.MinInt64 + 1} {
		if i, _ := binOf(nanos); i != 0 {
			t.Errorf("%d ns is in bin %d", nanos, i)
		}
	}
	if i, w := binOf(math.MaxInt64 - index.Causality); i < last || w <= 0 {
		t.Errorf("the longest delay is in bin %d of width %v", i, w)
	}
}

// integral sums a density over all delays.
func integral(density func(nanos int64) float64) float64 {
	sum := 0.0
	for at := 0.0; at < 1e10; {
		step := max(at/400, 250)
		sum += density(int64(at+step/2)) * step
		at += step
	}
	return sum
}

// However much is learned, the density of delays sums up to one, or somewhat
// less where delays are too short to tell.
func TestDelayDensity(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, tt := range []struct {
		name   string
		delays func() int64
		n      int
		least  float64
	}{
		{"nothing learned", nil, 0, .98},
		{"one", func() int64 { return 200_000 }, 1, .98},
		{"alike", func() int64 { return 200_000 }, 1000, .98},
		{"exponential", func() int64 { return 100_000 + int64(r.ExpFloat64()*3e5) }, 1000, .98},
		{"of two kinds", func() int64 { return int64(100_000 + r.IntN(2)*40_000_000) }, 1000, .98},
		{"very short", func() int64 { return r.Int64N(2000) }, 1000, .65},
		{"seconds", func() int64 { return 2e9 + r.Int64N(1e9) }, 1000, .98},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d delays
			for range tt.n {
				d.add(tt.delays(), r.Float64())
			}
			sum := integral(func(nanos int64) float64 { return d.likely(nanos, nobody) })
			if sum < tt.least || sum > 1.02 {
				t.Errorf("the density sums up to %v", sum)
			}
		})
	}
}

// What was learned is likelier than what was not, and nobody is his own
// witness.
func TestDelays(t *testing.T) {
	var d delays
	for i := range int64(100) {
		d.add(300_000+i*500, 1)
	}
	d.add(20_000_000, .7)
	d.add(-index.Causality-1, 1) // the effect before its cause: nothing is learned
	near, far := d.likely(320_000, nobody), d.likely(3_000_000, nobody)
	if near < 50*far {
		t.Errorf("a usual delay has %v, an unusual one %v", near, far)
	}
	var without delays
	for i := range int64(100) {
		without.add(300_000+i*500, 1)
	}
	for _, ask := range []int64{20_000_000, 19_000_000, 320_000, 5_000_000, 0} {
		got, want := d.likely(ask, witness{20_000_000, .7}), without.likely(ask, nobody)
		if math.Abs(got/want-1) > 1e-9 {
			t.Errorf("delay of %d ns: %v for who saw 20 ms himself, %v had nobody seen it", ask, got, want)
		}
	}
}

func TestShifts(t *testing.T) {
	var s shifts
	for range 50 {
		s.add(1, -38, 1)
		s.add(1, -41, .5)
		s.add(2, 90, 1)
	}
	s.add(1, 7, .9)
	for _, tt := range []struct {
		name      string
		peer      int32
		x         int64
		than      int64
		thanPeer  int32
		own, mine int64
	}{
		{"usual rather than less usual", 1, -38, -41, 1, 0, 0},
		{"less usual rather than another's", 1, -41, 90, 1, 0, 0},
		{"another's rather than never seen", 1, 90, 33, 1, 0, 0},
		{"of a new peer, as of all", 3, -38, 33, 3, 0, 0},
		{"of its peer rather than of another", 2, 90, 90, 1, 0, 0},
		{"small rather than large, never seen", 1, 5, 700, 1, 0, 0},
	} {
		if a, b := s.likely(tt.peer, tt.x, nobody), s.likely(tt.thanPeer, tt.than, nobody); a <= b {
			t.Errorf("%s: %+d of peer %d has %v, %+d of peer %d has %v", tt.name, tt.x, tt.peer, a, tt.than, tt.thanPeer, b)
		}
	}
	if own, new := s.likely(1, 7, witness{7, .9}), s.likely(1, 6, nobody); own > 1.2*new {
		t.Errorf("what only oneself has seen has %v, what nobody has %v", own, new)
	}
	if p := s.likely(1, 1<<40, nobody); p <= 0 {
		t.Errorf("an enormous difference has %v: nothing is impossible", p)
	}
}

// Of each peer the probabilities of all differences sum up to one.
func TestShiftsSumToOne(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 20 {
		var s shifts
		for range r.IntN(200) {
			s.add(int32(r.IntN(3)), int64(r.IntN(5)*17-40), r.Float64())
		}
		for peer := range int32(4) {
			sum := 0.0
			for x := int64(-6000); x <= 6000; x++ {
				sum += s.likely(peer, x, nobody)
			}
			if math.Abs(sum-1) > .01 {
				t.Errorf("peer %d: all differences have %v", peer, sum)
			}
		}
	}
}
