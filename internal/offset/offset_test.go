package offset

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// A world is two clocks that see packets run between two hosts.
type world struct {
	here    func(t int64) int64 // the clock to be corrected shows this
	span    int64               // nanoseconds
	events  int
	delay   int64 // of the network, at least
	queue   int64 // and so much more at most, from here to there
	oneWay  bool
	stamped int64 // resolution of stamps
}

// sights returns what both clocks saw.
func (w *world) sights(seed uint64) []Sight {
	r := rand.New(rand.NewPCG(seed, 1))
	var ss []Sight
	for i := range w.events {
		t := w.span * int64(i) / int64(max(w.events-1, 1))
		first := i%2 == 0 || w.oneWay
		d := w.delay + r.Int64N(w.delay/4+1)
		s := Sight{Here: t, There: t + d + r.Int64N(w.queue+1), First: first}
		if !first {
			s = Sight{Here: t + d, There: t}
		}
		s.Here = w.here(s.Here)
		if w.stamped > 0 {
			s.Here, s.There = s.Here/w.stamped*w.stamped, s.There/w.stamped*w.stamped
		}
		ss = append(ss, s)
	}
	return ss
}

const (
	us  = int64(1e3)
	ms  = int64(1e6)
	sec = int64(1e9)
)

// ahead returns a clock that is ahead, and drifts.
func ahead(by int64, ppm float64) func(int64) int64 {
	return func(t int64) int64 { return t + by + int64(math.Round(float64(t)*ppm/1e6)) }
}

// What Fit says is the truth within the error that it names, and so is no more than
// half of what a packet takes to and fro.
func TestFit(t *testing.T) {
	for _, tt := range []struct {
		name string
		w    world
	}{
		{"right", world{here: ahead(0, 0)}},
		{"behind by 0.2 ms", world{here: ahead(-200*us, 0)}},
		{"ahead by 421.1 ms", world{here: ahead(421100*us, 0)}},
		{"ahead by an hour", world{here: ahead(3600*sec, 0)}},
		{"50 ppm fast", world{here: ahead(3*ms, 50), span: 60 * sec}},
		{"50 ppm slow", world{here: ahead(0, -50), span: 600 * sec}},
		{"long queues one way", world{here: ahead(-7*ms, 0), queue: 5 * ms}},
		{"stamps of microseconds", world{here: ahead(421100*us, 20), stamped: us}},
		{"two events", world{here: ahead(-3*ms, 0), events: 2, span: 10 * us}},
		{"a slow network", world{here: ahead(11*ms, 0), delay: 30 * ms}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := tt.w
			if w.span == 0 {
				w.span = 5 * sec
			}
			if w.events == 0 {
				w.events = 400
			}
			if w.delay == 0 {
				w.delay = 40 * us
			}
			for seed := range uint64(20) {
				c := Fit(w.sights(seed), w.stamped)
				if len(c) != 1 {
					t.Fatalf("seed %d: %d lines", seed, len(c))
				}
				for _, at := range []int64{0, w.span / 3, w.span} {
					shown := w.here(at)
					if off := c.Correct(shown) - at; off > c.Error(shown) || -off > c.Error(shown) {
						t.Errorf("seed %d: at %d off by %d, error %d", seed, at, off, c.Error(shown))
					}
				}
				if c.Widest() > w.delay*3/2+w.queue+2*w.stamped {
					t.Errorf("seed %d: error %d", seed, c.Widest())
				}
			}
		})
	}
}

// A clock that may be right is left alone, and then only.
func TestRight(t *testing.T) {
	w := world{here: ahead(0, 0), span: sec, events: 100, delay: 40 * us}
	if c := Fit(w.sights(1), 0); !c.Right() || c.Correct(77) != 77 {
		t.Errorf("a right clock is corrected by %d", c.Correct(77)-77)
	}
	w.here = ahead(200*us, 0)
	if c := Fit(w.sights(1), 0); c.Right() {
		t.Error("a wrong clock is right")
	}
}

// A clock that goes fast has to be corrected by less and less.
func TestDrift(t *testing.T) {
	for _, ppm := range []float64{50, -200} {
		w := world{here: ahead(3*ms, ppm), span: 600 * sec, events: 400, delay: 40 * us}
		if c := Fit(w.sights(1), 0); len(c) != 1 || math.Abs(c[0].Drift+ppm/1e6) > 1e-6 {
			t.Errorf("%v ppm: %+v", ppm, c)
		}
	}
}

// A clock that is right is left alone though an event was stamped late, whichever it is
// and by how much, if it is by more than all others leave room for: it is not asked.
func TestRightButForOne(t *testing.T) {
	w := world{here: ahead(0, 0), span: sec, events: 100, delay: 40 * us}
	for _, by := range []int64{120 * us, 145 * us, 500 * ms} {
		for i := range w.events {
			ss := w.sights(1)
			if ss[i].First {
				ss[i].Here += by
			} else {
				ss[i].There += by
			}
			if c := Fit(ss, 0); !c.Right() {
				t.Errorf("event %d by %d: a right clock is corrected by %d", i, by, c.Correct(sec/2)-sec/2)
			}
		}
	}
}

// Events that bound from one side only tell nothing.
func TestOneWay(t *testing.T) {
	w := world{here: ahead(ms, 0), span: sec, events: 100, delay: 40 * us, oneWay: true}
	if c := Fit(w.sights(1), 0); len(c) != 0 || c.Error(0) != math.MaxInt64 || c.Correct(5) != 5 {
		t.Errorf("%d lines", len(c))
	}
	if c := Fit(nil, 0); len(c) != 0 {
		t.Error("nothing tells something")
	}
}

// Where a clock was set, a new line begins.
func TestSteps(t *testing.T) {
	for _, by := range []int64{300 * ms, -300 * us, 2 * sec} {
		w := world{here: ahead(0, 0), span: 10 * sec, events: 600, delay: 40 * us}
		w.here = func(t int64) int64 {
			if t > 5*sec {
				return t + by
			}
			return t
		}
		c := Fit(w.sights(1), 0)
		if len(c) != 2 || len(c.Steps()) != 1 {
			t.Fatalf("step of %d: %d lines", by, len(c))
		}
		if at := c.Steps()[0]; at < 5*sec-ms*400 || at > 5*sec+2*sec+100*ms {
			t.Errorf("step of %d at %d", by, at)
		}
		for _, at := range []int64{sec, 9 * sec} {
			if off := c.Correct(w.here(at)) - at; off > 60*us || off < -60*us {
				t.Errorf("step of %d: at %d off by %d", by, at, off)
			}
		}
	}
}

// One event that was stamped late sets no clock.
func TestLateStamp(t *testing.T) {
	for _, by := range []int64{-20 * us, -80 * us, -500 * ms} {
		w := world{here: ahead(7*ms, 0), span: sec, events: 100, delay: 40 * us}
		ss := w.sights(1)
		ss[50].There += by
		c := Fit(ss, 0)
		if len(c) != 1 {
			t.Fatalf("by %d: %d lines", by, len(c))
		}
		if off := c.Correct(w.here(sec/2)) - sec/2; off > 60*us || off < -60*us {
			t.Errorf("by %d: off by %d", by, off)
		}
	}
}

// The order in which events come does not matter, nor does which clock is which.
func TestOrderDoesNotMatter(t *testing.T) {
	w := world{here: ahead(421100*us, 30), span: 20 * sec, events: 200, delay: 40 * us}
	ss := w.sights(3)
	want := Fit(ss, 0)
	mixed := slices.Clone(ss)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	if got := Fit(mixed, 0); got.Correct(5*sec) != want.Correct(5*sec) {
		t.Error("shuffled events give another line")
	}
	shown := w.here(5 * sec)
	if there := want.Correct(shown); absolute(Fit(swapped(ss), 0).Correct(there)-shown) > want.Widest()/2 {
		t.Error("to and fro is not the same")
	}
}

func absolute(d int64) int64 { return max(d, -d) }

// What no clock can show takes no time and gives no nonsense.
func TestHostile(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	var ss []Sight
	for range 20000 {
		ss = append(ss, Sight{r.Int64N(1 << 61), r.Int64N(1 << 61), r.IntN(2) == 0})
	}
	if c := Fit(ss, 1000); len(c) > maxSteps {
		t.Errorf("%d lines", len(c))
	}
	Fit([]Sight{{math.MinInt64 / 4, math.MaxInt64 / 4, true}, {0, 0, false}}, 0)
}

// Every clock is corrected along the chain with the smallest error; what nothing ties
// stays by itself.
func TestChains(t *testing.T) {
	clocks := []func(int64) int64{ahead(0, 0), ahead(5*ms, 0), ahead(-8*ms, 40), ahead(77*ms, 0), ahead(9*ms, 0)}
	pair := func(a, b int, delay int64) Pair {
		w := world{here: ahead(0, 0), span: 10 * sec, events: 300, delay: delay}
		ss := w.sights(uint64(a*10 + b))
		for i := range ss {
			ss[i].Here, ss[i].There = clocks[a](ss[i].Here), clocks[b](ss[i].There)
		}
		return Pair{A: a, B: b, Sights: ss}
	}
	pairs := []Pair{pair(0, 1, 30*us), pair(1, 2, 30*us), pair(0, 2, 900*us), pair(3, 4, 50*us)}
	links, _ := Chains(6, pairs, 0)
	var got []string
	for _, l := range links {
		got = append(got, fmt.Sprint(l.Parent, l.Root))
	}
	if want := []string{"-1 0", "0 0", "1 0", "-1 3", "3 3", "-1 5"}; !slices.Equal(got, want) {
		t.Errorf("parents and roots %v, want %v", got, want)
	}
	for i, root := range []int{0, 0, 0, 3, 3} {
		at := 5 * sec
		if off := absolute(Correct(links, i, clocks[i](at)) - clocks[root](at)); off > links[i].Error {
			t.Errorf("clock %d is off by %d, error %d", i, off, links[i].Error)
		}
	}
	if links[2].Error > 150*us {
		t.Errorf("the error of the chain is %d", links[2].Error)
	}
	slices.Reverse(pairs)
	if again, _ := Chains(6, pairs, 0); Correct(again, 2, sec) != Correct(links, 2, sec) {
		t.Error("the order of pairs matters")
	}
}

// Bounds may contradict each other by as much as stamps are coarse, both of them.
func TestSlack(t *testing.T) {
	ss := []Sight{{Here: 1000, There: 1000, First: true}, {Here: 5000, There: 6500}}
	c := Fit(ss, 1000)
	if len(c) != 1 || c[0].Events != 2 || c[0].From != 1000 || c[0].To != 5000 || c.Correct(3000) < 3500 || c.Correct(3000) > 4000 || c.Error(3000) < 250 {
		t.Errorf("%+v", c)
	}
	if c := Fit(ss, 700); len(c) != 0 {
		t.Errorf("with less slack %+v", c)
	}
	if c := Fit([]Sight{{Here: 1000, There: 900, First: true}, {Here: 5000, There: 5100}}, 100); !c.Right() {
		t.Errorf("a clock that may be right is corrected by %d", c.Correct(3000)-3000)
	}
	if c := Fit([]Sight{{Here: 1000, There: 900, First: true}, {Here: 5000, There: 4950}}, 99); len(c) != 1 || c.Right() {
		t.Error("a clock that cannot be right is not corrected")
	}
}

// Several events say that a clock was set, and most of those that follow: one alone, or
// some among others, were stamped late.
func TestWitnesses(t *testing.T) {
	w := world{here: ahead(7*ms, 0), span: sec, events: 100, delay: 40 * us}
	for _, tt := range []struct {
		name  string
		late  []int // events, of which the odd ones run from there to here
		by    int64
		lines int
	}{
		{"the last", []int{99}, 300 * ms, 1},
		{"the last two", []int{97, 98, 99}, 300 * ms, 2},
		{"three of eight", []int{61, 67, 69}, 300 * us, 1},
		{"five of eight", []int{61, 63, 67, 69, 71}, 300 * us, 2},
		{"by noise only", []int{91, 93, 95, 97, 99}, 60 * us, 1},
	} {
		ss := w.sights(1)
		for _, i := range tt.late {
			ss[i].There += tt.by
		}
		if c := Fit(ss, 0); len(c) < tt.lines || tt.lines == 1 && len(c) > 1 {
			t.Errorf("%s: %d lines, want %d", tt.name, len(c), tt.lines)
		}
	}
}
