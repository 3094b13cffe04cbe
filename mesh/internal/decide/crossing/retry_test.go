package crossing

import (
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// Upstream exchanges with one request id, one after the other, are attempts of the one
// exchange that has it.
func TestJoinRetries(t *testing.T) {
	const c = index.Causality
	ask := func(id string) made { return exchange(clientLeg(0), 0, 10000*us).id(id) }
	try := func(i int, from, to int64, status uint16) made {
		return exchange(proxyLeg(i), from, to).id("a").status(status)
	}
	for _, tt := range []struct {
		name  string
		downs []made
		ups   []made
		make  func(*Crossing)
		want  []string // links, those of the first attempt first
	}{
		{"two", []made{ask("a")}, []made{try(0, 1000*us, 2000*us, 503), try(1, 3000*us, 4000*us, 200)}, nil, []string{"0.0>0.0", "0.0>1.0"}},
		{"three", []made{ask("a")}, []made{try(2, 5000*us, 6000*us, 200), try(0, 1000*us, 2000*us, 503), try(1, 3000*us, 4000*us, 503)}, nil,
			[]string{"0.0>0.0", "0.0>1.0", "0.0>2.0"}},
		{"the first of which went well: it would have been passed on", []made{ask("a")}, []made{try(0, 1000*us, 2000*us, 200), try(1, 3000*us, 4000*us, 200)}, nil, nil},
		{"of which one in the middle went well", []made{ask("a")}, []made{try(0, 1000*us, 2000*us, 503), try(1, 3000*us, 4000*us, 399), try(2, 5000*us, 6000*us, 200)}, nil, nil},
		{"the first of which was refused by the application", []made{ask("a")}, []made{try(0, 1000*us, 2000*us, 400), try(1, 3000*us, 4000*us, 200)}, nil, []string{"0.0>0.0", "0.0>1.0"}},
		{"the first of which was answered with what is not known", []made{ask("a")}, []made{try(0, 1000*us, 2000*us, 0).response(scan.MsgPartial), try(1, 3000*us, 4000*us, 200)}, nil, []string{"0.0>0.0", "0.0>1.0"}},
		{"one", []made{ask("a")}, []made{try(0, 1000*us, 2000*us, 200)}, nil, nil},
		{"at once", []made{ask("a")}, []made{try(0, 1000*us, 4000*us, 503), try(1, 3000*us, 4000*us, 200)}, nil, nil},
		{"the last of which failed", []made{ask("a")}, []made{try(0, 1000*us, 2000*us, 503), try(1, 3000*us, 4000*us, 503)}, nil, nil},
		{"of another line", []made{ask("a")}, []made{try(0, 1000*us, 2000*us, 503), try(1, 3000*us, 4000*us, 200).asks("GET", "/other")}, nil, nil},
		{"of two with that id", []made{ask("a"), exchange(clientLeg(1), 0, 10000*us).id("a")}, []made{try(0, 1000*us, 2000*us, 503), try(1, 3000*us, 4000*us, 200)}, nil, nil},
		{"of another id", []made{ask("b")}, []made{try(0, 1000*us, 2000*us, 503), try(1, 3000*us, 4000*us, 200)}, nil, nil},
		{"not within it", []made{ask("a")}, []made{try(0, 1000*us, 2000*us, 503), try(1, 9000*us+c+1, 11000*us, 200)}, nil, nil},
		{"one of which is tied to it", []made{ask("a")}, []made{try(0, 1000*us, 2000*us, 503), try(1, 3000*us, 4000*us, 200)}, func(x *Crossing) {
			x.Add(&graph.Link{From: x.Down[0], To: x.Up[1], Down: &x.Down[0].Exchanges[0], Up: &x.Up[1].Exchanges[0]})
		}, []string{"0.0>1.0", "0.0>0.0"}},
		{"one of which is tied to another", []made{ask("a"), exchange(clientLeg(1), 0, 10000*us)}, []made{try(0, 1000*us, 2000*us, 503), try(1, 3000*us, 4000*us, 200)}, func(x *Crossing) {
			x.Add(&graph.Link{From: x.Down[1], To: x.Up[1], Down: &x.Down[1].Exchanges[0], Up: &x.Up[1].Exchanges[0]})
		}, []string{"1.0>1.0"}},
		{"beside something else that is tied", []made{ask("a"), exchange(clientLeg(1), 0, 10000*us)},
			[]made{try(0, 1000*us, 2000*us, 503), try(1, 3000*us, 4000*us, 200), exchange(proxyLeg(2), 500*us, 600*us)}, func(x *Crossing) {
				x.Add(&graph.Link{From: x.Down[1], To: x.Up[2], Down: &x.Down[1].Exchanges[0], Up: &x.Up[2].Exchanges[0], Attempt: 1})
			}, []string{"1.0>2.0", "0.0>0.0", "0.0>1.0"}},
		{"one of which is taken by what has no link", []made{ask("a")}, []made{try(0, 1000*us, 2000*us, 503), try(1, 3000*us, 4000*us, 200)}, func(x *Crossing) {
			x.Taken[&x.Up[0].Exchanges[0]] = true
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := between(tt.downs, tt.ups)
			before := 0
			if tt.make != nil {
				tt.make(x)
				before = len(x.Links)
			}
			x.JoinRetries()
			if got := told(x.Links); !slices.Equal(got, tt.want) {
				t.Fatalf("links %v, want %v", got, tt.want)
			}
			for _, l := range x.Links[before:] {
				if !l.Proven || l.Confidence != graph.SureProven || len(l.Evidence) == 0 || !x.Taken[l.Up] {
					t.Errorf("link %+v", l)
				}
			}
			if len(x.Links) < 2 {
				return
			}
			for _, l := range x.Links {
				want := 1
				for _, o := range x.Links {
					if o.Down == l.Down && beginsAt(o.Up.Req) < beginsAt(l.Up.Req) {
						want++
					}
				}
				if l.Attempt != want {
					t.Errorf("%v is attempt %d, want %d", told([]*graph.Link{l}), l.Attempt, want)
				}
			}
		})
	}
}

// One attempt is over when its answer begins, before the next begins.
func TestSequential(t *testing.T) {
	const c = index.Causality
	try := func(from, to int64) made { return exchange(proxyLeg(0), from, to) }
	for _, tt := range []struct {
		name string
		us   []made
		want bool
	}{
		{"one", []made{try(0, 1000*us)}, true},
		{"as early as may be", []made{try(0, 1000*us), try(900*us-c, 2000*us)}, true},
		{"too early", []made{try(0, 1000*us), try(900*us-c-1, 2000*us)}, false},
		{"not answered", []made{try(0, 1000*us).unanswered(), try(2000*us, 3000*us)}, false},
		{"the last not answered", []made{try(0, 1000*us), try(2000*us, 3000*us).unanswered()}, true},
		{"the third too early", []made{try(0, 1000*us), try(2000*us, 3000*us), try(2100*us, 4000*us)}, false},
	} {
		var es []*graph.Exchange
		for _, e := range tt.us {
			es = append(es, e.Exchange)
		}
		if got := sequential(es); got != tt.want {
			t.Errorf("%s: sequential %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Attempts are numbered by when they began, but for those that may be none.
func TestCountAttempts(t *testing.T) {
	d, e := exchange(clientLeg(0), 0, 10000*us), exchange(clientLeg(1), 0, 10000*us)
	x := New(nil, nil, nil)
	add := func(d made, at int64, maybe bool) *graph.Link {
		l := &graph.Link{From: d.Leg, To: proxyLeg(0), Down: d.Exchange, Up: exchange(proxyLeg(0), at, at+100*us).Exchange, Attempt: 9, Ambiguous: maybe}
		x.Add(l)
		return l
	}
	ls := []*graph.Link{add(d, 3000*us, false), add(e, 0, false), add(d, 1000*us, false), add(d, 2000*us, true), add(d, 4000*us, false)}
	x.CountAttempts(nil)
	x.CountAttempts(d.Exchange)
	var got []int
	for _, l := range ls {
		got = append(got, l.Attempt)
	}
	if want := []int{2, 9, 1, 9, 3}; !slices.Equal(got, want) {
		t.Errorf("attempts %v, want %v", got, want)
	}
}
