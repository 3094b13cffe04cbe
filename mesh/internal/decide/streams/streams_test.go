package streams

import "testing"

func never() bool { return false }

// A verdict counts what is certain, what of it is wrong, and of how many exchanges the lane is
// certain, and wrong.
type verdict struct{ n, certain, wrong, lanes, wrongLanes int }

func (w *world) judge() (v verdict) {
	p := w.problem()
	if !p.solve(never) {
		panic("stopped")
	}
	for i, gs := range p.guesses() {
		v.n++
		for x := range p.lanes {
			if p.belief[i][x] >= Believed {
				v.lanes++
				if x != w.truth[i].x {
					v.wrongLanes++
				}
			}
		}
		if len(gs) > 0 && p.certain(i, gs[0]) {
			v.certain++
			if (spot{gs[0].x, gs[0].record}) != w.truth[i] {
				v.wrong++
			}
		}
	}
	return v
}

// Of a proxy that writes what it has when it wakes most is certain, and hardly anything
// wrong, with one worker and with several.
func TestSolve(t *testing.T) {
	for _, workers := range []int{1, 2, 4} {
		var sum verdict
		for seed := range uint64(3) {
			w := newWorld(seed+10*uint64(workers), workers)
			w.run(12, 8)
			v := w.judge()
			sum.n, sum.certain, sum.wrong = sum.n+v.n, sum.certain+v.certain, sum.wrong+v.wrong
			sum.lanes, sum.wrongLanes = sum.lanes+v.lanes, sum.wrongLanes+v.wrongLanes
		}
		t.Logf("%d workers: %+v", workers, sum)
		if sum.lanes*100 < sum.n*95 || sum.wrongLanes*200 > sum.n || sum.certain*100 < sum.n*80 || sum.wrong*100 > sum.certain {
			t.Errorf("%d workers: %+v", workers, sum)
		}
	}
}

// Where all lengths are alike nothing but order and times tell, and little is certain that
// is not so.
func TestSolveAlike(t *testing.T) {
	w := newWorld(5, 2)
	w.alike = true
	w.run(12, 8)
	if v := w.judge(); v.wrong*20 > v.certain {
		t.Errorf("%+v", v)
	}
}

// What was not captured is tied to nothing: of two workers one is missing.
func TestSolveMissing(t *testing.T) {
	w := newWorld(6, 2)
	w.run(12, 8)
	w.lanes = w.lanes[:1]
	if v := w.judge(); v.wrong*20 > v.certain {
		t.Errorf("%+v", v)
	}
}

// Who is told to stop, stops.
func TestSolveStopped(t *testing.T) {
	w := newWorld(7, 1)
	w.run(3, 3)
	if w.problem().solve(func() bool { return true }) {
		t.Error("it did not stop")
	}
}

// A proxy that writes every frame by itself is known by its records.
func TestFramed(t *testing.T) {
	for _, framed := range []bool{false, true} {
		w := newWorld(8, 2)
		w.framed = framed
		w.run(12, 8)
		if got := w.problem().framed(); got != framed {
			t.Errorf("framed %v, want %v", got, framed)
		}
	}
}

// Records of the connection alone, bodies, and what lies in a long message are no heads.
func TestIdle(t *testing.T) {
	w := newWorld(9, 1)
	w.run(6, 4)
	e := w.es[0]
	e.Resp.Body.Len, e.Resp.To.Nanos = 300, e.Resp.From.Nanos+10*ms
	ch := w.lanes[0].channels[responses]
	at := e.Resp.From.Nanos + 2*ms
	for _, n := range []int64{13, 300 + frame, 150} {
		ch.records = append(ch.records, recordAt(at, n))
	}
	p := w.problem()
	p.idle()
	last := ch.records[len(ch.records)-3:]
	if !(last[0].Idle > last[1].Idle && last[1].Idle > last[2].Idle && last[2].Idle > ch.untold*ch.typical()) {
		t.Errorf("idle: %v, %v, %v, else %v", last[0].Idle, last[1].Idle, last[2].Idle, ch.untold*ch.typical())
	}
}
