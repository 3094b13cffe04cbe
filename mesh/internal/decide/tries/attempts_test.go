package tries

import (
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// veiled makes an exchange one that cannot be read, whose request has n bytes.
func (e made) veiled(n int64) made {
	e.Outline = &graph.Outline{Req: scan.Sizes{n}, Resp: scan.Sizes{100}}
	e.Leg.Protocol, e.Leg.OrigBytes = flow.ProtocolTLS, n
	return e
}

// What nobody else wants, and what asks the same as the attempt that answered, before it,
// is an earlier attempt; where that is not sure, attempts are not counted.
func TestJoinAttempts(t *testing.T) {
	const c = index.Causality
	ask := func(i int) made { return exchange(clientLeg(i), 0, 10000*us) }
	try := func(i int, from, to int64) made { return exchange(proxyLeg(i), from, to).veiled(300) }
	read := func(i int, from, to int64, status uint16) made {
		e := exchange(proxyLeg(i), from, to).status(status)
		e.Leg.OrigBytes = 1
		return e
	}
	tied := func(d, u int) func(*crossing.Crossing) {
		return func(x *crossing.Crossing) {
			x.Add(&graph.Link{From: x.Down[d], To: x.Up[u], Down: &x.Down[d].Exchanges[0], Up: &x.Up[u].Exchanges[0], Attempt: 1})
		}
	}
	both := func(fs ...func(*crossing.Crossing)) func(*crossing.Crossing) {
		return func(x *crossing.Crossing) {
			for _, f := range fs {
				f(x)
			}
		}
	}
	for _, tt := range []struct {
		name      string
		downs     []made
		ups       []made
		make      func(*crossing.Crossing)
		want      []string
		attempts  []int
		uncounted bool // of the link that was there
	}{
		{"one", []made{ask(0)}, []made{try(0, 5000*us, 9000*us)}, tied(0, 0), []string{"0.0>0.0"}, []int{1}, false},
		{"two", []made{ask(0)}, []made{try(0, 5000*us, 9000*us), try(1, 1000*us, 2000*us)}, tied(0, 0), []string{"0.0>0.0", "0.0>1.0"}, []int{2, 1}, false},
		{"three", []made{ask(0)}, []made{try(0, 5000*us, 9000*us), try(1, 1000*us, 2000*us), try(2, 3000*us, 4000*us)}, tied(0, 0),
			[]string{"0.0>0.0", "0.0>1.0", "0.0>2.0"}, []int{3, 1, 2}, false},
		{"as late as may be", []made{ask(0)}, []made{try(0, 5000*us, 9000*us), try(1, 4100*us+c, 5000*us+c+100*us)}, tied(0, 0), []string{"0.0>0.0", "0.0>1.0"}, []int{2, 1}, false},
		{"answered too late", []made{ask(0)}, []made{try(0, 5000*us, 9000*us), try(1, 4000*us, 5500*us)}, tied(0, 0), []string{"0.0>0.0"}, []int{1}, false},
		{"begun too early", []made{exchange(clientLeg(0), 1000*us, 10000*us)}, []made{try(0, 5000*us, 9000*us), try(1, 1000*us-c-1, 2000*us)}, tied(0, 0), []string{"0.0>0.0"}, []int{1}, false},
		{"of another length", []made{ask(0)}, []made{try(0, 5000*us, 9000*us), try(1, 1000*us, 2000*us).veiled(301)}, tied(0, 0), []string{"0.0>0.0"}, []int{1}, false},
		{"another exchange waits", []made{ask(0), ask(1)}, []made{try(0, 5000*us, 9000*us), try(1, 1000*us, 2000*us)}, tied(0, 0), []string{"0.0>0.0"}, []int{1}, true},
		{"another is served at that time", []made{ask(0), ask(1)}, []made{try(0, 5000*us, 9000*us), try(1, 1000*us, 2000*us), try(2, 1000*us, 9000*us)},
			both(tied(0, 0), tied(1, 2)), []string{"0.0>0.0", "1.0>2.0", "0.0>1.0"}, []int{2, 1, 1}, false},
		{"another may have tried it too", []made{ask(0), ask(1)}, []made{try(0, 5000*us, 9000*us), try(1, 1000*us, 2000*us), try(2, 6000*us, 9000*us)},
			both(tied(0, 0), tied(1, 2)), []string{"0.0>0.0", "1.0>2.0"}, []int{1, 1}, true},
		{"on a leg that a log names", []made{ask(0), ask(1)}, []made{try(0, 5000*us, 9000*us), try(1, 1000*us, 2000*us)}, both(tied(0, 0), func(x *crossing.Crossing) {
			x.Add(&graph.Link{From: x.Down[1], To: x.Up[1], Down: &x.Down[1].Exchanges[0], Attempt: 1})
		}), []string{"0.0>0.0", "1.0>1"}, []int{1, 1}, true},
		{"that was read", []made{ask(0)}, []made{read(0, 5000*us, 9000*us, 200), read(1, 1000*us, 2000*us, 503)}, tied(0, 0), []string{"0.0>0.0", "0.0>1.0"}, []int{2, 1}, false},
		{"that was read, and went well", []made{ask(0)}, []made{read(0, 5000*us, 9000*us, 200), read(1, 1000*us, 2000*us, 200)}, tied(0, 0), []string{"0.0>0.0"}, []int{1}, false},
		{"that asked for something else", []made{ask(0)}, []made{read(0, 5000*us, 9000*us, 200), read(1, 1000*us, 2000*us, 503).asks("GET", "/b")}, tied(0, 0), []string{"0.0>0.0"}, []int{1}, false},
		{"that was read, of another id", []made{ask(0)}, []made{read(0, 5000*us, 9000*us, 200).id("a"), read(1, 1000*us, 2000*us, 503).id("b")}, tied(0, 0), []string{"0.0>0.0"}, []int{1}, false},
		{"that was read, the other not", []made{ask(0)}, []made{try(0, 5000*us, 9000*us), read(1, 1000*us, 2000*us, 503)}, tied(0, 0), []string{"0.0>0.0"}, []int{1}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := between(tt.downs, tt.ups)
			for _, l := range x.Down {
				l.ClosedBy = "orig"
			}
			tt.make(x)
			n := len(x.Links)
			JoinAttempts(x)
			if got := links(x.Links); !slices.Equal(got, tt.want) {
				t.Fatalf("links %v, want %v", got, tt.want)
			}
			var attempts []int
			for _, l := range x.Links {
				attempts = append(attempts, l.Attempt)
			}
			if !slices.Equal(attempts, tt.attempts) || x.Links[0].Uncounted != tt.uncounted {
				t.Errorf("attempts %v, uncounted %v; want %v, %v", attempts, x.Links[0].Uncounted, tt.attempts, tt.uncounted)
			}
			for _, l := range x.Links[n:] {
				if l.Confidence != graph.SureByTime || len(l.Evidence) != 1 || l.Proven || !x.Taken[l.Up] {
					t.Errorf("link %+v", l)
				}
			}
		})
	}
}

// A connection that was refused before the attempt that answered, and is not tied, may
// have been one.
func TestRefusedBefore(t *testing.T) {
	for _, tt := range []struct {
		name       string
		start, end int64
		want       bool
	}{
		{"before", 1000 * us, 1010 * us, true}, {"after", 6000 * us, 6010 * us, false}, {"before it was asked", -1000 * us, -900 * us, false},
	} {
		x := between([]made{exchange(clientLeg(0), 0, 10000*us)}, []made{exchange(proxyLeg(0), 5000*us, 9000*us).veiled(300)})
		x.Add(&graph.Link{From: x.Down[0], To: x.Up[0], Down: &x.Down[0].Exchanges[0], Up: &x.Up[0].Exchanges[0], Attempt: 1})
		s := newEarlier(x)
		u := proxyLeg(1)
		u.Start, u.End = capture.Time(tt.start), capture.Time(tt.end)
		s.dead = []*graph.Leg{u}
		if got := s.mayFollow(x.Links[0]); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
