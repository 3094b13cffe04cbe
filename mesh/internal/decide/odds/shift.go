package odds

import "math"

// UnknownShift stands for a difference of lengths that cannot be told.
const UnknownShift = math.MinInt64

// Shifts learns by how many bytes the proxy makes messages of one direction
// shorter: few values, since they are headers that it adds or takes, and others
// for other peers.
type Shifts struct {
	all    tally
	peer   map[int32]*tally
	others tally // of pairs that do not belong together
	coarse tally // the same in steps of 64 bytes
	Exact  bool  // bytes pass unchanged: the difference is 0, or else what others show
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

// Add learns a difference of a peer, with a probability.
func (s *Shifts) Add(peer int32, x int64, p float64) {
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

// Seen returns how many pairs that belong together differ by x.
func (s *Shifts) Seen(x int64) float64 { return s.all.n[x] }

// AddOther counts the difference of a pair that does not belong together.
func (s *Shifts) AddOther(x int64, p float64) {
	s.others.add(x, p)
	s.coarse.add(x>>coarseBits, p)
}

// coarseBits is the logarithm of the step by which it is counted how often
// strangers differ by about as much.
const coarseBits = 6

// Ratio returns how much likelier difference x is between exchanges that belong
// together than between others: lengths that all have in common say little.
func (s *Shifts) Ratio(peer int32, x int64, own Witness) float64 {
	others := (s.others.n[x] + s.coarse.n[x>>coarseBits]/(1<<coarseBits)) / 2
	return s.Likely(peer, x, own) / ((others + doubt/(2*shiftScale)) / (s.others.total + doubt))
}

// doubt is how many pairs what is believed of strangers beforehand counts for.
const doubt = 20.0

// shiftScale is the scale in bytes of differences before anything is known of
// them: that of a few header fields.
const shiftScale = 256

// Likely returns the probability of difference x with the given peer. What
// was not seen of the peer is taken from all, and what was not seen at all from
// a wide distribution. own is how much of what was seen is the word of the
// strand that asks: nobody is his own witness.
func (s *Shifts) Likely(peer int32, x int64, own Witness) float64 {
	p := s.prior(x)
	mine := own.of(x)
	p = (max(s.all.n[x]-mine, 0) + p) / (max(s.all.total-own.P, 0) + 1)
	if t := s.peer[peer]; t != nil {
		p = (max(t.n[x]-mine, 0) + p) / (max(t.total-own.P, 0) + 1)
	}
	return max(p, math.SmallestNonzeroFloat32)
}

// prior returns how likely difference x is before anything is learned.
func (s *Shifts) prior(x int64) float64 {
	p := math.Exp(-math.Abs(float64(x))/shiftScale) / (2 * shiftScale)
	switch {
	case !s.Exact:
		return p
	case x == 0:
		return 1
	}
	return p * unlikely
}

// unlikely is how likely it is that bytes that should pass unchanged do not.
const unlikely = 1e-3

// Usual reports whether others have difference x too, or nearly so. Where there
// are hardly any others, nothing is unusual.
func (s *Shifts) Usual(x int64, own Witness) bool {
	if s.all.total-own.P < fewOthers {
		return !s.Exact || x == 0
	}
	near := -own.P
	for y := x - nearShift; y <= x+nearShift; y++ {
		near += s.all.n[y]
	}
	return near >= severalOthers
}

const (
	nearShift = 8 // bytes by which differences of one kind vary: numbers and dates in header fields
	fewOthers = 3
	// severalOthers is how many others make a difference usual: two pairs that are taken
	// for each other's have one in common.
	severalOthers = 1.5
)
