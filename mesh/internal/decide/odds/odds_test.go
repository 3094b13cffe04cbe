package odds

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// nobody has seen anything himself.
var nobody Witness

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
			var d Delays
			for range tt.n {
				d.Add(tt.delays(), r.Float64())
			}
			sum := integral(func(nanos int64) float64 { return d.Likely(nanos, nobody) })
			if sum < tt.least || sum > 1.02 {
				t.Errorf("the density sums up to %v", sum)
			}
		})
	}
}

// What was learned is likelier than what was not, and nobody is his own
// witness.
func TestDelays(t *testing.T) {
	var d Delays
	for i := range int64(100) {
		d.Add(300_000+i*500, 1)
	}
	d.Add(20_000_000, .7)
	d.Add(-index.Causality-1, 1) // the effect before its cause: nothing is learned
	near, far := d.Likely(320_000, nobody), d.Likely(3_000_000, nobody)
	if near < 50*far {
		t.Errorf("a usual delay has %v, an unusual one %v", near, far)
	}
	var without Delays
	for i := range int64(100) {
		without.Add(300_000+i*500, 1)
	}
	for _, ask := range []int64{20_000_000, 19_000_000, 320_000, 5_000_000, 0} {
		got, want := d.Likely(ask, Witness{20_000_000, .7}), without.Likely(ask, nobody)
		if math.Abs(got/want-1) > 1e-9 {
			t.Errorf("delay of %d ns: %v for who saw 20 ms himself, %v had nobody seen it", ask, got, want)
		}
	}
}

func TestShifts(t *testing.T) {
	var s Shifts
	for range 50 {
		s.Add(1, -38, 1)
		s.Add(1, -41, .5)
		s.Add(2, 90, 1)
	}
	s.Add(1, 7, .9)
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
		if a, b := s.Likely(tt.peer, tt.x, nobody), s.Likely(tt.thanPeer, tt.than, nobody); a <= b {
			t.Errorf("%s: %+d of peer %d has %v, %+d of peer %d has %v", tt.name, tt.x, tt.peer, a, tt.than, tt.thanPeer, b)
		}
	}
	if own, new := s.Likely(1, 7, Witness{7, .9}), s.Likely(1, 6, nobody); own > 1.2*new {
		t.Errorf("what only oneself has seen has %v, what nobody has %v", own, new)
	}
	if p := s.Likely(1, 1<<40, nobody); p <= 0 {
		t.Errorf("an enormous difference has %v: nothing is impossible", p)
	}
}

// Of each peer the probabilities of all differences sum up to one.
func TestShiftsSumToOne(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 20 {
		var s Shifts
		for range r.IntN(200) {
			s.Add(int32(r.IntN(3)), int64(r.IntN(5)*17-40), r.Float64())
		}
		for peer := range int32(4) {
			sum := 0.0
			for x := int64(-6000); x <= 6000; x++ {
				sum += s.Likely(peer, x, nobody)
			}
			if math.Abs(sum-1) > .01 {
				t.Errorf("peer %d: all differences have %v", peer, sum)
			}
		}
	}
}

// Near reports whether two numbers are the same but for rounding.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b)) }

// The probability of a difference is what was counted of the peer, and one more pair
// that is like all, of whom one more is as believed beforehand.
func TestShiftFormula(t *testing.T) {
	prior := func(x float64) float64 { return math.Exp(-math.Abs(x)/256) / 512 }
	var s Shifts
	if got := s.Likely(1, 0, nobody); !near(got, 1.0/512) {
		t.Errorf("of nothing learned %v, want 1/512", got)
	}
	if got := s.Likely(1, -512, nobody); !near(got, math.Exp(-2)/512) {
		t.Errorf("of nothing learned -512 has %v", got)
	}
	s.Add(1, 40, 1)
	s.Add(1, 40, .5)
	s.Add(2, 40, .25)
	s.Add(2, 90, 1)
	for _, tt := range []struct {
		name string
		peer int32
		x    int64
		own  Witness
		want float64
	}{
		{"of a new peer", 3, 40, nobody, (1.75 + prior(40)) / 3.75},
		{"of one peer", 1, 40, nobody, (1.5 + (1.75+prior(40))/3.75) / 2.5},
		{"of the other", 2, 40, nobody, (.25 + (1.75+prior(40))/3.75) / 2.25},
		{"never seen", 2, 41, nobody, (prior(41) / 3.75) / 2.25},
		{"without one's own word", 1, 40, Witness{40, .5}, (1 + (1.25+prior(40))/3.25) / 2},
		{"without one's own word for another", 2, 40, Witness{90, 1}, (.25 + (1.75+prior(40))/2.75) / 1.25},
		{"without more than was said", 2, 40, Witness{40, 9}, (0 + prior(40)/1) / 1},
	} {
		if got := s.Likely(tt.peer, tt.x, tt.own); !near(got, tt.want) {
			t.Errorf("%s: %+d has %v, want %v", tt.name, tt.x, got, tt.want)
		}
	}
}

// Where bytes pass unchanged no difference is certain beforehand, and any other one
// is a thousandth of what it would be.
func TestExactShifts(t *testing.T) {
	s := Shifts{Exact: true}
	for _, tt := range []struct {
		x    int64
		want float64
	}{{0, 1}, {1, math.Exp(-1.0/256) / 512 / 1000}, {-256, math.Exp(-1) / 512 / 1000}} {
		if got := s.Likely(1, tt.x, nobody); !near(got, tt.want) {
			t.Errorf("%+d has %v, want %v", tt.x, got, tt.want)
		}
	}
}

// A difference that strangers have too says less: half of what is counted of them is
// the difference itself, half those that are about as large.
func TestShiftRatio(t *testing.T) {
	var s Shifts
	alone := s.Likely(1, 40, nobody)
	if got, want := s.Ratio(1, 40, nobody), alone/((20.0/512)/20); !near(got, want) {
		t.Errorf("without strangers the ratio is %v, want %v", got, want)
	}
	for range 10 {
		s.AddOther(40, .5)
	}
	s.AddOther(63, 3)
	s.AddOther(64, 2)
	for _, tt := range []struct {
		x      int64
		others float64
	}{{40, (5 + 8.0/64) / 2}, {63, (3 + 8.0/64) / 2}, {0, 8.0 / 64 / 2}, {64, (2 + 2.0/64) / 2}, {-1, 0}} {
		want := s.Likely(1, tt.x, nobody) / ((tt.others + 20.0/512) / 30)
		if got := s.Ratio(1, tt.x, nobody); !near(got, want) {
			t.Errorf("%+d has ratio %v, want %v", tt.x, got, want)
		}
	}
}

// A difference is usual if others have it, or one that is nearly as large; where there
// are hardly others, if nothing speaks against it.
func TestUsualShifts(t *testing.T) {
	of := func(exact bool, n int, x int64, more ...int64) *Shifts {
		s := &Shifts{Exact: exact}
		for range n {
			s.Add(1, x, 1)
		}
		for _, x := range more {
			s.Add(1, x, .5)
		}
		return s
	}
	for _, tt := range []struct {
		name string
		s    *Shifts
		x    int64
		own  Witness
		want bool
	}{
		{"hardly any others", of(false, 2, 40), 900, nobody, true},
		{"hardly any others beside oneself", of(false, 3, 40), 900, Witness{900, .1}, true},
		{"enough of them", of(false, 3, 40), 900, nobody, false},
		{"hardly any others, exact", of(true, 2, 0), 1, nobody, false},
		{"hardly any others, exact and the same", of(true, 2, 0), 0, nobody, true},
		{"as others", of(false, 5, 40), 40, nobody, true},
		{"nearly as others, longer", of(false, 5, 40), 48, nobody, true},
		{"too long", of(false, 5, 40), 49, nobody, false},
		{"nearly as others, shorter", of(false, 5, 40), 32, nobody, true},
		{"too short", of(false, 5, 40), 31, nobody, false},
		{"only oneself", of(false, 5, 40, 900), 900, Witness{900, .5}, false},
		{"only one other", of(false, 5, 40, 900, 900, 901, 901), 900, Witness{900, 1}, false},
		{"others by one and a half", of(false, 5, 40, 900, 900, 900, 901), 900, Witness{900, .5}, true},
		{"by less", of(false, 5, 40, 900, 900, 900, 901), 900, Witness{900, .6}, false},
	} {
		if got := tt.s.Usual(tt.x, tt.own); got != tt.want {
			t.Errorf("%s: usual %v, want %v", tt.name, got, tt.want)
		}
	}
}

// A delay falls into a quarter of an octave above delayUnit, 50 µs.
func TestDelayBinEdges(t *testing.T) {
	for _, tt := range []struct {
		nanos int64
		bin   int
		width float64
	}{
		{0, 0, 12500}, {12499, 0, 12500}, {12500, 1, 12500}, {25000, 2, 12500}, {37500, 3, 12500}, {49999, 3, 12500}, {50000, 4, 25000},
		{74999, 4, 25000}, {75000, 5, 25000}, {150000, 8, 50000}, {50000*(1<<20) - 50000, 80, 12500 * (1 << 20)}, {math.MaxInt64 - 50000, 127, 12500 * (1 << 31)},
	} {
		if got, width := binOf(tt.nanos); got != tt.bin || width != tt.width {
			t.Errorf("%d ns in bin %d of width %v, want %d of %v", tt.nanos, got, width, tt.bin, tt.width)
		}
	}
}

// A delay says two fifths of its own bin, and less of two on either side, as far as
// there are bins.
func TestDelaySpread(t *testing.T) {
	for _, tt := range []struct {
		name  string
		nanos int64
		first int
		want  []float64
	}{
		{"in the middle", 150000, 6, []float64{.05, .1, .2, .1, .05}},
		{"the shortest", 0, 0, []float64{.2, .1, .05, 0}},
		{"the second", 12500, 0, []float64{.1, .2, .1, .05, 0}},
		{"the longest", math.MaxInt64 - 50000, 124, []float64{0, .05, .1, .2}},
		{"too early", -index.Causality - 1, 0, []float64{0, 0, 0}},
		{"as early as may be", -index.Causality, 0, []float64{.2, .1, .05, 0}},
	} {
		var d Delays
		d.Add(tt.nanos, .5)
		d.AddOther(tt.nanos, .5)
		total := .5
		if tt.nanos < -index.Causality {
			total = 0
		}
		for i, want := range tt.want {
			if got, others := d.own.n[tt.first+i], d.others.n[tt.first+i]; !near(got, want) || others != got {
				t.Errorf("%s: bin %d has %v, and %v of strangers, want %v", tt.name, tt.first+i, got, others, want)
			}
		}
		if d.own.total != total || d.others.total != total {
			t.Errorf("%s: %v in all, %v of strangers; want %v", tt.name, d.own.total, d.others.total, total)
		}
	}
}

// The density of a delay is what was counted in its bin and what is believed
// beforehand, without one's own word.
func TestDelayFormula(t *testing.T) {
	prior := func(nanos float64) float64 { return 1 / ((nanos + 1e5) * math.Log(1e5)) }
	var d Delays
	if got := d.Likely(-20, nobody); !near(got, prior(0)) {
		t.Errorf("of nothing learned %v, want %v", got, prior(0))
	}
	d.Add(150000, 1) // bin 8
	d.Add(150000, .5)
	for _, tt := range []struct {
		name  string
		nanos int64
		own   Witness
		want  float64
	}{
		{"in its bin", 150000, nobody, (.6/50000 + prior(150000)) / 2.5},
		{"beside it", 130000, nobody, (.3/25000 + prior(130000)) / 2.5},
		{"two beside it", 249999 + 1, nobody, (.15/50000 + prior(250000)) / 2.5},
		{"three beside it", 300000, nobody, prior(300000) / 2.5},
		{"without one's own word", 150000, Witness{150000, .5}, (.4/50000 + prior(150000)) / 2},
		{"without one's own word, from two bins below", 150000, Witness{100000, .5}, (.55/50000 + prior(150000)) / 2},
		{"and from two bins above", 150000, Witness{250000, .5}, (.55/50000 + prior(150000)) / 2},
		{"and from three below", 150000, Witness{99999, .5}, (.6/50000 + prior(150000)) / 2},
		{"and from three above", 150000, Witness{300000, .5}, (.6/50000 + prior(150000)) / 2},
		{"not less than nothing", 150000, Witness{150000, 9}, prior(150000)},
		{"who has seen no delay", 12500, Witness{math.MinInt64, .5}, prior(12500) / 2},
	} {
		if got := d.Likely(tt.nanos, tt.own); !near(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	var early Delays
	early.Add(-index.Causality, 1)
	for _, tt := range []struct {
		x    int64
		want float64
	}{{-index.Causality, prior(0) / 1}, {-index.Causality - 1, (.4/12500 + prior(0)) / 1}} {
		if got := early.Likely(0, Witness{tt.x, 1}); !near(got, tt.want) {
			t.Errorf("own word of %d ns: %v, want %v", tt.x, got, tt.want)
		}
	}
	d.AddOther(150000, 4)
	none := Witness{math.MinInt64, 0}
	for _, tt := range []struct {
		nanos         int64
		own           Witness
		others, total float64
	}{
		{150000, none, 4 * .4 / 50000, 4}, {120000, none, 4 * .1 / 25000, 4}, {12500, none, 0, 4},
		{150000, Witness{150000, .25}, (4 - .75) * .4 / 50000, 4 - .75}, {120000, Witness{150000, .25}, (4 - .75) * .1 / 25000, 4 - .75},
		{150000, Witness{12500, .25}, 4 * .4 / 50000, 4 - .75}, {150000, Witness{150000, 1}, 4 * .4 / 50000, 4},
		{150000, Witness{150000, -9}, 0, 0}, {150000, Witness{math.MinInt64, .25}, 4 * .4 / 50000, 4},
	} {
		want := d.Likely(tt.nanos, tt.own) / ((tt.others + 20/2e8) / (tt.total + 20))
		if got := d.Ratio(tt.nanos, tt.own); !near(got, want) {
			t.Errorf("the ratio of %d ns is %v with %v, want %v", tt.nanos, got, tt.own, want)
		}
	}
}
