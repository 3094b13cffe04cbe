package pool

import "testing"

// rounds is two clients whose requests come together, the first before the second, over
// two connections that are all there is. What was taken second is idle last, so that the
// connections change places in every round. What belongs together is certain but in the
// last round, where each may be either.
func rounds(n int) *World {
	w := made(nil, nil)
	for i := range n {
		at := int64(i+1) * 10 * ms
		for k := range int32(2) {
			d := int32(len(w.Requests))
			w.Requests = append(w.Requests, Request{Client: k, At: at + int64(k)*ms, Over: at + 7*ms, Placed: i > 0})
			w.Takings = append(w.Takings, Taking{Conn: (k + 1 + int32(i)) % 2, From: at + int64(k)*ms + ms/10, Idle: at + int64(5+k)*ms})
			w.Strands = append(w.Strands, Strand{Request: d, Taking: d, Certain: i < n-1})
			if i == n-1 {
				w.Strands = append(w.Strands, Strand{Request: d, Taking: d + 1 - 2*k})
			}
		}
	}
	return w
}

// Whose turn it was is said with how many were idle, and with what made them so.
func TestReason(t *testing.T) {
	const n = 30
	w := rounds(n)
	v := Replay(w)
	decided := 0
	for i, s := range w.Strands {
		if !v.Decided[i] {
			continue
		}
		decided++
		if s.Request != s.Taking || v.Sure[i] < .95 {
			t.Errorf("request %d is said to be taking %d, %v", s.Request, s.Taking, v.Sure[i])
		}
		if s.Request == 2*n-2 {
			want := Reason{Rule: LastIdle, Idle: 2, Own: 2*n - 3, Other: 2*n - 4}
			if v.Because[i] != want {
				t.Errorf("because %+v, want %+v", v.Because[i], want)
			}
		}
	}
	if decided != 2 || v.Right != n-2 || v.Wrong != 0 {
		t.Errorf("%d decided, %d right, %d wrong", decided, v.Right, v.Wrong)
	}
}

// Of a request of which nothing is left nothing is said, and the rules are less sure.
func TestContradiction(t *testing.T) {
	const n = 30
	w := rounds(n)
	for i := 2*n - 2; i < 2*n; i++ { // in the last round they are taken the wrong way round
		w.Takings[i].Conn = 1 - w.Takings[i].Conn
	}
	kept := w.Strands[:0]
	for _, s := range w.Strands {
		if s.Certain || s.Request == s.Taking {
			kept = append(kept, s)
		}
	}
	w.Strands = kept
	v := Replay(w)
	if last := v.Decided[len(w.Strands)-2:]; last[0] || v.Wrong == 0 {
		t.Errorf("decided %v, %d wrong", last, v.Wrong)
	}
}

// What two requests want alone neither gets.
func TestWantedTwice(t *testing.T) {
	const n = 30
	w := rounds(n)
	first := int32(2*n - 2)
	w.Strands = append(w.Strands[:len(w.Strands)-4], Strand{Request: first, Taking: first}, Strand{Request: first + 1, Taking: first})
	if v := Replay(w); v.Decided[len(w.Strands)-2] || v.Decided[len(w.Strands)-1] {
		t.Errorf("decided %v", v.Decided[len(w.Strands)-2:])
	}
}

// A request without a place is never decided by order.
func TestUnplaced(t *testing.T) {
	const n = 30
	w := rounds(n)
	w.Requests[2*n-2].Placed = false
	v := Replay(w)
	for i, s := range w.Strands {
		if v.Decided[i] && s.Request == 2*n-2 {
			t.Errorf("request %d is decided", s.Request)
		}
	}
}

// Two parts are told apart where each keeps the rules, and both together do not.
func TestTellApart(t *testing.T) {
	for _, tc := range []struct {
		name    string
		workers int
		take    func(int) int
		apart   bool
	}{
		{"one worker", 1, lifo, false},
		{"two workers", 2, lifo, true},
		{"two workers that take what is idle longest", 2, fifo, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := proxy{workers: tc.workers, pools: 1, take: tc.take, clients: 8, asks: 60, known: .5, lengths: 2}
			w, _ := p.play(testRand(4))
			r := newReplay(w)
			for i, s := range w.Strands {
				if s.Certain {
					r.tie(int32(i))
				}
			}
			r.tellApart()
			for c := range int32(8) {
				if got, want := r.parts.toldApart(0, c), tc.apart && c%2 == 1; got != want {
					t.Errorf("clients 0 and %d are told apart: %v", c, got)
				}
			}
		})
	}
}
