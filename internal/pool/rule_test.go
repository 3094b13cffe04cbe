package pool

import (
	"math"
	"slices"
	"testing"
)

// made is a world of some connections, each with the times of its takings in ms: when
// they began and when they were over. All are of one part.
func made(conns ...[][2]int64) *World {
	w := new(World)
	for x, takings := range conns {
		w.Conns = append(w.Conns, Conn{Ready: ms / 2, Gone: math.MaxInt64})
		for _, t := range takings {
			w.Takings = append(w.Takings, Taking{Conn: int32(x), From: t[0] * ms, Idle: t[1] * ms})
		}
	}
	return w
}

// asked adds a request at a time in ms of a client of its own, and what it may be.
func (w *World) asked(at int64, certain bool, takings ...int32) {
	d := int32(len(w.Requests))
	w.Requests = append(w.Requests, Request{Client: d, At: at * ms, Over: at*ms + ms, Placed: true})
	for _, u := range takings {
		w.Strands = append(w.Strands, Strand{Request: d, Taking: u, Certain: certain})
	}
}

// What breaks a rule, and what only may have.
func TestBreaks(t *testing.T) {
	two := func(first, second [][2]int64) *World { return made(first, second) }
	for _, tc := range []struct {
		name   string
		w      *World
		edit   func(w *World)
		broken Rule
		chance Rule
	}{ // the request at 10 may be the first taking after 10 of connection 0
		{"the other became idle later", two([][2]int64{{1, 5}, {10, 12}}, [][2]int64{{2, 6}, {20, 22}}), nil, LastIdle, LastIdle},
		{"later, and never taken again", two([][2]int64{{1, 5}, {10, 12}}, [][2]int64{{2, 6}}), nil, LastIdle, LastIdle},
		{"before", two([][2]int64{{1, 5}, {10, 12}}, [][2]int64{{2, 4}, {20, 22}}), nil, byNothing, LastIdle},
		{"at once", two([][2]int64{{1, 5}, {10, 12}}, [][2]int64{{2, 5}, {20, 22}}), nil, byNothing, byNothing},
		{"later, but was closed", two([][2]int64{{1, 5}, {10, 12}}, [][2]int64{{2, 6}}), func(w *World) { w.Conns[1].Gone = 7 * ms }, byNothing, byNothing},
		{"later, and was closed later still", two([][2]int64{{1, 5}, {10, 12}}, [][2]int64{{2, 6}}), func(w *World) { w.Conns[1].Gone = 11 * ms }, LastIdle, LastIdle},
		{"later, and was closed at once", two([][2]int64{{1, 5}, {10, 12}}, [][2]int64{{2, 6}}), func(w *World) { w.Conns[1].Gone = 10*ms + slack/2 }, byNothing, byNothing},
		{"later, and was taken by nobody who was seen", two([][2]int64{{1, 5}, {10, 12}}, [][2]int64{{2, 6}, {20, 22}}), func(w *World) { w.Strands = w.Strands[:1] }, byNothing, byNothing},
		{"the other was busy", two([][2]int64{{1, 5}, {10, 12}}, [][2]int64{{2, 14}}), nil, byNothing, byNothing},
		{"became idle just then", two([][2]int64{{1, 10}, {11, 12}}, [][2]int64{{2, 6}, {20, 22}}), nil, byNothing, byNothing},
		{"the other became idle just then", two([][2]int64{{1, 5}, {11, 12}}, [][2]int64{{2, 10}, {20, 22}}), nil, byNothing, byNothing},
		{"later, in another pool", two([][2]int64{{1, 5}, {10, 12}}, [][2]int64{{2, 6}, {20, 22}}), func(w *World) { w.Conns[1].Pool = 1 }, byNothing, byNothing},
		{"later, and was taken by one that came before", two([][2]int64{{1, 5}, {10, 12}}, [][2]int64{{2, 6}, {20, 22}}), func(w *World) { w.Strands = nil; w.asked(9, true, 3) }, byNothing, byNothing},
		{"later, and may have been", two([][2]int64{{1, 5}, {10, 12}}, [][2]int64{{2, 6}, {20, 22}}), func(w *World) { w.asked(9, false, 3) }, byNothing, byNothing},
		{"later, and was tried again with", two([][2]int64{{1, 5}, {10, 12}}, [][2]int64{{2, 6}, {20, 22}}), func(w *World) { w.Takings[3].Apart = true }, byNothing, byNothing},
		{"was dialled only then, and one was idle", two([][2]int64{{11, 12}}, [][2]int64{{2, 6}, {20, 22}}), func(w *World) { w.Conns[0].Ready = 10*ms + ms/2 }, NoneIdle, NoneIdle},
		{"one was idle that is never taken again", two([][2]int64{{11, 12}}, [][2]int64{{2, 6}}), func(w *World) { w.Conns[0].Ready = 10*ms + ms/2 }, byNothing, byNothing},
		{"was busy, and so was the other", two([][2]int64{{1, 11}, {12, 13}}, [][2]int64{{2, 14}}), nil, byNothing, NoneIdle},
		{"was busy, and one was idle", two([][2]int64{{1, 11}, {12, 13}}, [][2]int64{{2, 6}, {20, 22}}), nil, NoneIdle, NoneIdle},
		{"was busy, and the other was closed while it was", two([][2]int64{{1, 11}, {12, 13}}, [][2]int64{{2, 14}}), func(w *World) { w.Conns[1].Gone = 9 * ms }, byNothing, byNothing},
		{"was busy, and one was idle perhaps", two([][2]int64{{1, 11}, {12, 13}}, [][2]int64{{2, 6}, {20, 22}}), func(w *World) { w.asked(9, false, 3) }, byNothing, byNothing},
		{"began before the capture", two([][2]int64{{11, 12}}, [][2]int64{{2, 6}, {20, 22}}), func(w *World) { w.Conns[0].Ready = Unknown }, byNothing, byNothing},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := tc.w
			own := int32(0)
			for w.Takings[own].From < 10*ms {
				own++
			}
			w.asked(10, false, own)
			w.asked(19, false, int32(len(w.Takings)-1)) // whoever takes the other
			if tc.edit != nil {
				tc.edit(w)
			}
			r := newReplay(w)
			for i, s := range w.Strands {
				if s.Certain {
					r.tie(int32(i))
				}
			}
			for x := range w.Conns {
				r.parts.unite(r.upstream(0), r.upstream(int32(x)))
			}
			part := r.parts.of(r.upstream(0))
			broken, chance := r.breaks(0, own, part, part)
			if broken != tc.broken || chance != tc.chance {
				t.Errorf("breaks %d, may break %d; want %d, %d", broken, chance, tc.broken, tc.chance)
			}
		})
	}
}

// Spans in which both sides differ in number are set aside.
func TestBalance(t *testing.T) {
	w := made([][2]int64{{1, 2}, {11, 12}, {13, 14}, {31, 32}, {41, 42}})
	for _, at := range []int64{0, 10, 30, 40} {
		w.asked(at, false)
		w.Requests[len(w.Requests)-1].Over = (at + 5) * ms
	}
	w.Takings[4].Apart = true // so that the last request has none
	w.Holes = []Hole{{6 * ms, 7 * ms}}
	r := newReplay(w)
	r.balance()
	for i, want := range []bool{false, true, false, true} {
		if r.outRequest[i] != want {
			t.Errorf("request %d is set aside: %v", i, r.outRequest[i])
		}
	}
	for i, want := range []bool{false, true, true, false, true} {
		if r.outTaking[i] != want {
			t.Errorf("taking %d is set aside: %v", i, r.outTaking[i])
		}
	}
}

// So are those in which something may have been missed.
func TestBalanceWithHole(t *testing.T) {
	w := made([][2]int64{{1, 2}, {11, 12}})
	w.asked(0, false)
	w.asked(10, false)
	w.Holes = []Hole{{12 * ms, 14 * ms}}
	w.Requests[0].Over, w.Requests[1].Over = 3*ms, 13*ms
	r := newReplay(w)
	if r.balance(); r.outRequest[0] || r.outTaking[0] || !r.outRequest[1] || !r.outTaking[1] {
		t.Errorf("set aside: %v, %v", r.outRequest, r.outTaking)
	}
}

// What begins at once after something else was over may have been caused by it.
func TestBalanceAtOnce(t *testing.T) {
	for _, tc := range []struct {
		pause int64
		aside bool
	}{{slack / 2, true}, {slack, true}, {2 * slack, false}} {
		w := made([][2]int64{{1, 2}})
		w.asked(0, false)
		w.asked(0, false) // for which nothing was asked
		w.Requests[0].Over = 3 * ms
		w.Requests[1].At, w.Requests[1].Over = 3*ms+tc.pause, 4*ms
		r := newReplay(w)
		if r.balance(); r.outRequest[0] != tc.aside || !r.outRequest[1] {
			t.Errorf("%d ns later: set aside %v", tc.pause, r.outRequest)
		}
	}
}

// What never ended makes no span endless.
func TestBalanceWithoutEnd(t *testing.T) {
	w := made([][2]int64{{1, 2}})
	w.Takings[0].Idle = math.MaxInt64
	w.asked(0, false)
	w.Requests[0].Over = math.MaxInt64
	r := newReplay(w)
	if r.balance(); r.outRequest[0] || r.outTaking[0] {
		t.Error("set aside")
	}
}

// Whoever stops the replay gets an answer at once.
func TestStop(t *testing.T) {
	p := proxy{workers: 2, pools: 1, take: lifo, clients: 16, asks: 40, known: .25, lengths: 2}
	w, _ := p.play(testRand(3))
	w.Stop = func() bool { return true }
	if v := Replay(w); slices.Contains(v.Decided, true) {
		t.Error("something was decided")
	}
}

// A rule that was seldom tested is as sure as both are, and one that is often broken is
// none.
func TestScore(t *testing.T) {
	s := score{held: [rules]int{LastIdle: 98, NoneIdle: 1}}
	if got := s.rate(); got > .011 || s.of(NoneIdle) != got || s.of(LastIdle) != got {
		t.Errorf("rates %v, %v, %v", got, s.of(LastIdle), s.of(NoneIdle))
	}
	s.broken[NoneIdle] = 1
	if s.of(NoneIdle) < .3 || s.of(LastIdle) > .03 {
		t.Errorf("one of two broken: %v, %v", s.of(NoneIdle), s.of(LastIdle))
	}
	r := &replay{score: score{held: [rules]int{LastIdle: 48, NoneIdle: 48}, broken: [rules]int{NoneIdle: 2}}}
	r.setRates()
	if by, both := r.sure(1<<LastIdle), r.sure(1<<LastIdle|1<<NoneIdle); by < .96 || both > by-.01 || r.sure(1<<Part) != 1-r.score.rate() {
		t.Errorf("sure %v by one rule, %v by both, %v by none", by, both, r.sure(0))
	}
	if got := oftener(0, 10, .1); got != 1 {
		t.Errorf("no error of ten: %v", got)
	}
	if got := oftener(2, 10, .1); got < .26 || got > .27 {
		t.Errorf("two or more errors of ten: %v", got)
	}
}
