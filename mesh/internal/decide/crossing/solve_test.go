package crossing

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// set makes p point to something, whatever that is.
func set[T any](p **T) { *p = new(T) }

// What is forced is tied, what is not is ambiguous and names its rivals; what failed
// before is an attempt.
func TestJoinExchanges(t *testing.T) {
	down := func(i int) made { return exchange(clientLeg(i), 0, 10000*us) }
	up := func(i int) made { return exchange(proxyLeg(i), 1000*us, 9000*us) }
	failed := func(i int) made { return exchange(proxyLeg(i), 1000*us, 2000*us).status(503) }
	late := func(i int) made { return exchange(proxyLeg(i), 3000*us, 9000*us) }
	hole := func(c *Crossing) { c.Trust.holes = []scan.Span{{From: 0, To: 20000 * us}} }
	for _, tt := range []struct {
		name       string
		downs, ups []made
		make       func(*Crossing)
		want       []string
	}{
		{"one", []made{down(0)}, []made{up(0)}, nil, []string{"0.0>0.0"}},
		{"two that differ", []made{down(0).returns(7), down(1).returns(8)}, []made{up(0).returns(8), up(1).returns(7)}, nil, []string{"1.0>0.0", "0.0>1.0"}},
		{"two alike", []made{down(0), down(1)}, []made{up(0), up(1)}, nil, []string{"?0.0>0.0|1.0", "?1.0>1.0|0.0"}},
		{"one too few", []made{down(0), down(1)}, []made{up(0)}, nil, []string{"?0.0>0.0|1.0", "?1.0>0.0|0.0"}},
		{"one too many", []made{down(0)}, []made{up(0), up(1)}, nil, []string{"?0.0>0.0|1.0"}},
		{"one decides the other", []made{down(0), down(1).id("b")}, []made{up(0), up(1).id("b")}, nil, []string{"0.0>0.0", "1.0>1.0"}},
		{"not all captured", []made{down(0)}, []made{up(0)}, hole, []string{"?0.0>0.0"}},
		{"not all captured, one id", []made{down(0).id("a")}, []made{up(0).id("a")}, hole, []string{"0.0>0.0"}},
		{"not all captured, the only client", []made{down(0)}, []made{up(0).forwarded("192.0.2.1")}, hole, []string{"0.0>0.0"}},
		{"not all captured, another line of that id", []made{down(0).id("a").asks("GET", "/x")}, []made{up(0).id("a")}, hole, nil},
		{"another line of that id", []made{down(0).id("a").asks("GET", "/x")}, []made{up(0).id("a")}, nil, []string{"0.0>0.0"}},
		{"tied before", []made{down(0), down(1)}, []made{up(0), up(1)}, func(c *Crossing) {
			c.Add(&graph.Link{From: c.Down[0], To: c.Up[1], Down: &c.Down[0].Exchanges[0], Up: &c.Up[1].Exchanges[0]})
		}, []string{"0.0>1.0", "1.0>0.0"}},
		{"failed, and tried again", []made{down(0)}, []made{failed(0), late(1)}, nil, []string{"0.0>1.0", "0.0>0.0"}},
		{"failed, of another line", []made{down(0)}, []made{failed(0).asks("GET", "/x"), late(1)}, nil, []string{"0.0>1.0"}},
		{"failed after what served it", []made{down(0)}, []made{exchange(proxyLeg(0), 5000*us, 6000*us).status(503), exchange(proxyLeg(1), 1000*us, 4000*us)}, nil, []string{"0.0>1.0"}},
		{"failed, and not tried again", []made{down(0)}, []made{failed(0)}, nil, nil},
		{"failed, and only another is served later", []made{down(0), down(1).asks("GET", "/b")}, []made{failed(0), late(1).asks("GET", "/b")}, nil, []string{"1.0>1.0"}},
		{"tried again as early as may be", []made{down(0)}, []made{failed(0), exchange(proxyLeg(1), 2000*us-index.Causality, 9000*us)}, nil, []string{"0.0>1.0", "0.0>0.0"}},
		{"tried again too early", []made{down(0)}, []made{failed(0), exchange(proxyLeg(1), 2000*us-index.Causality-1, 9000*us)}, nil, []string{"0.0>1.0"}},
		{"failed, of one or another", []made{down(0), down(1)}, []made{failed(0), late(1), late(2)}, nil, []string{"?0.0>1.0|2.0", "?1.0>2.0|1.0"}},
		{"failed, tied by a log to what served it", []made{down(0)}, []made{failed(0), late(1)}, func(c *Crossing) {
			set(&c.Down[0].Exchanges[0].Log)
			c.Add(&graph.Link{From: c.Down[0], To: c.Up[1], Down: &c.Down[0].Exchanges[0], Up: &c.Up[1].Exchanges[0]})
		}, []string{"0.0>1.0", "0.0>0.0"}},
		{"not failed, tied by a log to another", []made{down(0)}, []made{up(0), late(1)}, func(c *Crossing) {
			set(&c.Down[0].Exchanges[0].Log)
			c.Add(&graph.Link{From: c.Down[0], To: c.Up[1], Down: &c.Down[0].Exchanges[0], Up: &c.Up[1].Exchanges[0]})
		}, []string{"0.0>1.0"}},
		{"over before what a log ties, and not failed", []made{down(0)}, []made{failed(0).status(200), late(1)}, func(c *Crossing) {
			set(&c.Down[0].Exchanges[0].Log)
			c.Add(&graph.Link{From: c.Down[0], To: c.Up[1], Down: &c.Down[0].Exchanges[0], Up: &c.Up[1].Exchanges[0]})
		}, []string{"0.0>1.0"}},
		{"failed before what a log ties, of another line", []made{down(0).id("a")}, []made{failed(0).id("a").asks("GET", "/x"), late(1)}, func(c *Crossing) {
			set(&c.Down[0].Exchanges[0].Log)
			c.Add(&graph.Link{From: c.Down[0], To: c.Up[1], Down: &c.Down[0].Exchanges[0], Up: &c.Up[1].Exchanges[0]})
		}, []string{"0.0>1.0"}},
		{"logged, and not tied by it", []made{down(0)}, []made{up(0), up(1)}, func(c *Crossing) { set(&c.Down[0].Exchanges[0].Log) }, []string{"?0.0>0.0|1.0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := between(tt.downs, tt.ups)
			if tt.make != nil {
				tt.make(c)
			}
			c.JoinExchanges()
			if got := told(c.Links); !slices.Equal(got, tt.want) {
				t.Errorf("links %v, want %v", got, tt.want)
			}
			for _, l := range c.Links {
				if l.Attempt == 0 && len(l.Evidence) > 0 {
					t.Errorf("%v has no number", told([]*graph.Link{l}))
				}
			}
		})
	}
}

// How sure a link is: proven where nothing else fits either side, less where only the
// whole leaves no choice; of an ambiguous one its share.
func TestHowSure(t *testing.T) {
	down := func(i int) made { return exchange(clientLeg(i), 0, 10000*us) }
	up := func(i int) made { return exchange(proxyLeg(i), 1000*us, 9000*us) }
	for _, tt := range []struct {
		name       string
		downs, ups []made
		make       func(*Crossing)
		confidence float64 // of the first
		proven     bool
	}{
		{"nothing else", []made{down(0)}, []made{up(0)}, nil, graph.SureProven, true},
		{"of a cut head", []made{down(0).asks("GET", "/ab").request(scan.MsgCut)}, []made{up(0).asks("GET", "/ab")}, nil, graph.SureByContents, false},
		{"only the whole", []made{down(0), exchange(clientLeg(1), 2000*us, 10000*us)}, []made{up(0), exchange(proxyLeg(1), 3000*us, 9000*us)}, nil, graph.SureByContents, false},
		{"one of two", []made{down(0), down(1)}, []made{up(0), up(1)}, nil, .5, false},
		{"one of three", []made{down(0), down(1), down(2)}, []made{up(0), up(1), up(2)}, nil, 1.0 / 3, false},
		{"alone, but not all was captured", []made{down(0)}, []made{up(0)}, func(c *Crossing) { c.Trust.holes = []scan.Span{{To: 9000 * us}} }, .5, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := between(tt.downs, tt.ups)
			if tt.make != nil {
				tt.make(c)
			}
			c.JoinExchanges()
			if l := c.Links[0]; l.Confidence != tt.confidence || l.Proven != tt.proven || l.Attempt != 1 || len(l.Evidence) == 0 {
				t.Errorf("%v: %+v, want confidence %v, proven %v", told(c.Links), l, tt.confidence, tt.proven)
			}
			if got := c.Links[0].Evidence[0].Kind; tt.name == "only the whole" && got != flow.OnlyCandidate {
				t.Errorf("evidence %v", got)
			}
		})
	}
}

// Which exchange of a leg caused one may be in doubt, and the leg certain: where all that
// fits is on it, nothing is missing, and no other needs one of them instead.
func TestSureLegs(t *testing.T) {
	mux, other := clientLeg(0), clientLeg(1)
	down := func(l *graph.Leg) made { return exchange(l, 0, 10000*us) }
	up := func(i int) made { return exchange(proxyLeg(i), 1000*us, 9000*us) }
	hole := func(c *Crossing) { c.Trust.holes = []scan.Span{{From: 0, To: 20000 * us}} }
	for _, tt := range []struct {
		name       string
		downs, ups []made
		make       func(*Crossing)
		want       []float64 // of the links
	}{
		{"two of one leg", []made{down(mux), down(mux)}, []made{up(0), up(1)}, nil, []float64{graph.SureByContents, graph.SureByContents}},
		{"one more than went on", []made{down(mux), down(mux), down(mux)}, []made{up(0), up(1)}, nil, []float64{graph.SureByContents, graph.SureByContents, graph.SureByContents}},
		{"of two legs", []made{down(mux), down(other)}, []made{up(0), up(1)}, nil, []float64{0, 0}},
		{"one more than may have come in", []made{down(mux), down(mux)}, []made{up(0), up(1), up(2)}, nil, []float64{0, 0}},
		{"not all captured", []made{down(mux), down(mux)}, []made{up(0), up(1)}, hole, []float64{0, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mux.Exchanges, other.Exchanges = nil, nil
			c := between(tt.downs, tt.ups)
			if tt.make != nil {
				tt.make(c)
			}
			c.JoinExchanges()
			var got []float64
			for _, l := range c.Links {
				if got = append(got, l.Legs); !l.Ambiguous {
					t.Errorf("%v is certain", told([]*graph.Link{l}))
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%v: legs are sure by %v, want %v", told(c.Links), got, tt.want)
			}
		})
	}
}

// In a crowd too large to compare, each is offered those whose turn it was, the nearest
// first, and nothing is sure.
func TestJoinCrowd(t *testing.T) {
	const n = MaxRivals + 40
	var downs, ups []made
	client, server := clientLeg(0), proxyLeg(0)
	for i := range int64(n) {
		downs = append(downs, exchange(client, i*us, 100_000*us).request(0))
		ups = append(ups, exchange(server, 1000*us+i*us, 9000*us))
	}
	c := between(downs, ups)
	c.JoinExchanges()
	if len(c.Links) != n {
		t.Fatalf("%d links, want %d", len(c.Links), n)
	}
	for i, l := range c.Links {
		rivals := min(i, crowdRivals) + min(n-1-i, crowdRivals)
		if !l.Ambiguous || l.Down.No != i || l.Up.No != i || len(l.Rivals) != rivals {
			t.Fatalf("%v has %d rivals, want itself and %d", told(c.Links[i : i+1])[0][:12], len(l.Rivals), rivals)
		}
		if i > 0 && (l.Rivals[0].Ex.No != i-1 || i < n-1 && l.Rivals[1].Ex.No != i+1) {
			t.Errorf("the first rivals of %d are %d and %d", i, l.Rivals[0].Ex.No, l.Rivals[1].Ex.No)
		}
	}
}

// A sketch is an exchange as both sides of the proxy show it.
type sketch struct {
	at     int64
	target string
	n      int64 // bytes of the answer
}

// story tells what is said of each exchange of the client's side, by numbers: what it is
// tied to for sure, or all that it may be tied to. Legs stand in the given order.
func story(ks []sketch, downs, ups []int, src func(side, i int) *graph.Leg) (out []string) {
	number := make(map[*graph.Leg]int)
	draw := func(side int, order []int, after, before int64) (es []made) {
		for _, i := range order {
			l := src(side, i)
			number[l] = i
			es = append(es, exchange(l, ks[i].at+after, ks[i].at+before).asks("GET", ks[i].target).returns(ks[i].n))
		}
		return es
	}
	c := between(draw(0, downs, 0, 3000*us), draw(1, ups, 400*us, 2600*us))
	c.JoinExchanges()
	for _, l := range c.Links {
		may := []string{fmt.Sprint("up ", number[l.To])}
		for _, r := range l.Rivals {
			side := "up"
			if slices.Contains(c.Down, r.Leg) {
				side = "down"
			}
			may = append(may, fmt.Sprint(side, " ", number[r.Leg]))
		}
		slices.Sort(may)
		out = append(out, fmt.Sprintf("%d: %v %v", number[l.From], l.Ambiguous, may))
	}
	slices.Sort(out)
	return out
}

// The order of legs and the names of their ends change nothing of what is said.
func TestJoinExchangesIsIndependent(t *testing.T) {
	r := rand.New(rand.NewPCG(51, 52))
	usual := func(side, i int) *graph.Leg {
		if side == 0 {
			return clientLeg(i)
		}
		return proxyLeg(i)
	}
	other := func(side, i int) *graph.Leg {
		return leg(fmt.Sprintf("198.51.%d.%d:%d", 100-side, 77-i, 60000-i), "10.77.0.1:80")
	}
	sure := 0
	for round := range 60 {
		var ks []sketch
		for range 6 {
			ks = append(ks, sketch{r.Int64N(2000) * us, fmt.Sprintf("/%d", r.IntN(3)), r.Int64N(2)})
		}
		straight := []int{0, 1, 2, 3, 4, 5}
		want := story(ks, straight, straight, usual)
		if got := story(ks, r.Perm(6), r.Perm(6), usual); !slices.Equal(got, want) {
			t.Errorf("round %d: in another order %v, want %v", round, got, want)
		}
		if got := story(ks, straight, straight, other); !slices.Equal(got, want) {
			t.Errorf("round %d: with other names %v, want %v", round, got, want)
		}
		for i := range ks {
			if slices.Contains(want, fmt.Sprintf("%d: false [up %d]", i, i)) {
				sure++
			}
		}
	}
	if sure < 100 {
		t.Errorf("%d of 360 are sure", sure)
	}
}
