package crossing

import (
	"fmt"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// A link takes the exchanges that it ties, and whole legs where it names none; an
// ambiguous one takes nothing.
func TestAdd(t *testing.T) {
	d, u := exchange(clientLeg(0), 0, 100*us), exchange(proxyLeg(0), 10*us, 90*us)
	for _, tt := range []struct {
		name     string
		down, up *graph.Exchange
		maybe    bool
		taken    [2]bool // exchanges
		busy     [2]bool // legs
	}{
		{"exchanges", d.Exchange, u.Exchange, false, [2]bool{true, true}, [2]bool{}},
		{"exchanges, ambiguous", d.Exchange, u.Exchange, true, [2]bool{}, [2]bool{}},
		{"an exchange of a leg", nil, u.Exchange, false, [2]bool{false, true}, [2]bool{}},
		{"a leg for an exchange", d.Exchange, nil, false, [2]bool{true, false}, [2]bool{false, true}},
		{"a leg for an exchange, ambiguous", d.Exchange, nil, true, [2]bool{}, [2]bool{}},
		{"whole legs, ambiguous", nil, nil, true, [2]bool{}, [2]bool{}},
		{"whole legs", nil, nil, false, [2]bool{}, [2]bool{true, true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := New(nil, nil, nil)
			l := &graph.Link{From: d.Leg, To: u.Leg, Down: tt.down, Up: tt.up, Ambiguous: tt.maybe}
			c.Add(l)
			if taken := [2]bool{c.Taken[d.Exchange], c.Taken[u.Exchange]}; taken != tt.taken {
				t.Errorf("exchanges are taken: %v, want %v", taken, tt.taken)
			}
			if busy := [2]bool{c.Busy[d.Leg], c.Busy[u.Leg]}; busy != tt.busy {
				t.Errorf("legs are busy: %v, want %v", busy, tt.busy)
			}
			if guessed := tt.maybe && tt.up != nil; c.Guessed[u.Exchange] != guessed || c.Guessed[nil] {
				t.Errorf("guessed: %v, want %v", c.Guessed[u.Exchange], guessed)
			}
			if len(c.Links) != 1 || c.Links[0] != l || c.Taken[nil] {
				t.Errorf("links %v", c.Links)
			}
			open := c.Open([]*graph.Exchange{d.Exchange, u.Exchange})
			if want := 2; len(open) != want-count2(tt.taken) {
				t.Errorf("%d exchanges are open", len(open))
			}
			if !c.Linked(d.Leg, u.Leg) || c.Linked(u.Leg, d.Leg) || c.Linked(d.Leg, d.Leg) {
				t.Error("legs are linked otherwise")
			}
		})
	}
}

func count2(b [2]bool) (n int) {
	for _, v := range b {
		if v {
			n++
		}
	}
	return n
}

// How told describes links, on which the tests of this package rely.
func TestTold(t *testing.T) {
	d, u, v := exchange(clientLeg(2), 0, 100*us), exchange(proxyLeg(1), 10*us, 90*us), exchange(proxyLeg(4), 10*us, 90*us)
	got := told([]*graph.Link{{From: d.Leg, To: u.Leg, Down: d.Exchange, Up: u.Exchange}, {From: d.Leg, To: u.Leg, Ambiguous: true, Rivals: []graph.Rival{{Leg: v.Leg, Ex: v.Exchange}}}})
	if want := "[2.0>1.0 ?2>1|4.0]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}
