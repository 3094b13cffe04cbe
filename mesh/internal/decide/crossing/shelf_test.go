package crossing

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// shelved puts exchanges on a shelf.
func shelved(es ...made) *shelf {
	var list []*graph.Exchange
	for _, e := range es {
		list = append(list, e.Exchange)
	}
	return newShelf(list)
}

// A lane knows the latest end of all up to one.
func TestLane(t *testing.T) {
	var l Lane
	for i, until := range []int64{5, 3, 9, 9, 1} {
		l.Add(i*10, until)
	}
	if !slices.Equal(l.Until, []int64{5, 5, 9, 9, 9}) || !slices.Equal(l.list, []int{0, 10, 20, 30, 40}) {
		t.Errorf("%v until %v", l.list, l.Until)
	}
}

// An exchange is looked up by its id; without that by its line and bodies; those whose
// requests were lost may be any.
func TestCandidates(t *testing.T) {
	down := func(i int) made { return exchange(clientLeg(i), 0, 10000*us) }
	up := func() made { return exchange(proxyLeg(0), 1000*us, 9000*us) }
	partial := func(e made) made { e.Req.Body.Known = fingerprint.KnownFirst; return e }
	for _, tt := range []struct {
		name  string
		downs []made
		up    made
		want  []int
	}{
		{"by id", []made{down(0).id("a"), down(1).id("b"), down(2)}, up().id("a"), []int{0}},
		{"two of one id", []made{down(0).id("a"), down(1).id("b"), down(2).id("a")}, up().id("a"), []int{0, 2}},
		{"by id, whatever the line", []made{down(0).id("a").asks("GET", "/x"), down(1)}, up().id("a"), []int{0}},
		{"of an id that nobody has", []made{down(0).id("b"), down(1)}, up().id("a"), []int{0, 1}},
		{"of an id whose exchange is over", []made{exchange(clientLeg(0), 0, 100*us).id("a"), down(1)}, up().id("a"), []int{1}},
		{"without an id", []made{down(0).id("b"), down(1)}, up(), []int{0, 1}},
		{"by line", []made{down(0).asks("GET", "/a"), down(1).asks("GET", "/b"), down(2).asks("PUT", "/a")}, up().asks("GET", "/a"), []int{0}},
		{"by bodies", []made{down(0).returns(7), down(1).returns(8)}, up().returns(7), []int{0}},
		{"by the request's body", []made{down(0).body(7), down(1).body(8)}, up().body(8), []int{1}},
		{"by status", []made{down(0), down(1).status(404)}, up().status(404), []int{1}},
		{"with bodies, or not known whole", []made{down(0).returns(7), down(1).returns(8), partial(down(2).returns(7))}, up().returns(7), []int{0, 2}},
		{"of bodies that nobody has, a failed attempt", []made{down(0), down(1)}, up().status(503).returns(7), []int{0, 1}},
		{"of bodies not known whole", []made{down(0), down(1).returns(8)}, partial(up()), []int{0}},
		{"of no response", []made{down(0), down(1).returns(8)}, up().unanswered(), []int{0, 1}},
		{"also those whose requests were lost", []made{down(0).asks("GET", "/x"), down(1).unasked(), down(2).request(scan.MsgCut)}, up(), []int{1, 2}},
		{"without its request all", []made{down(0).asks("GET", "/x"), down(1).unasked(), down(2)}, up().unasked(), []int{0, 1, 2}},
		{"of a cut request all that have its beginning", []made{down(0).asks("GET", "/x"), down(1).asks("GET", "/yes")}, up().asks("GET", "/y").request(scan.MsgCut), []int{1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := shelved(tt.downs...)
			var got []int
			for _, k := range s.candidates(tt.up.Exchange) {
				got = append(got, k.d)
				if k.lane == nil || fmt.Sprint(k.like) != fmt.Sprint(Compare(s.all[k.d], tt.up.Exchange)) {
					t.Errorf("candidate %+v", k)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("candidates %v, want %v", got, tt.want)
			}
		})
	}
}

// By id alone those are found that enclose an exchange.
func TestSameID(t *testing.T) {
	s := shelved(exchange(clientLeg(0), 0, 10000*us).id("a"), exchange(clientLeg(1), 0, 10000*us).id("b"), exchange(clientLeg(2), 20000*us, 30000*us).id("a"))
	for _, tt := range []struct {
		name string
		u    made
		want int
	}{
		{"within", exchange(proxyLeg(0), 1000*us, 9000*us).id("a"), 1},
		{"without an id", exchange(proxyLeg(0), 1000*us, 9000*us), 0},
		{"without a request", exchange(proxyLeg(0), 1000*us, 9000*us).unasked(), 0},
		{"of another id", exchange(proxyLeg(0), 1000*us, 9000*us).id("c"), 0},
		{"outside", exchange(proxyLeg(0), 12000*us, 13000*us).id("a"), 0},
	} {
		if got := s.sameID(tt.u.Exchange); len(got) != tt.want || tt.want > 0 && got[0] != s.all[0] {
			t.Errorf("%s: %d found, want %d", tt.name, len(got), tt.want)
		}
	}
}

// Bodies are known if the status is, and both are whole.
func TestBodies(t *testing.T) {
	make := func() made { return exchange(clientLeg(0), 0, us).body(3).returns(4) }
	same, ok := bodies(make().Exchange)
	if !ok {
		t.Fatal("bodies that are whole are not known")
	}
	for _, tt := range []struct {
		name string
		e    made
		ok   bool
	}{
		{"another status", make().status(404), true}, {"another request", make().body(5), true}, {"another response", make().returns(5), true},
		{"no response", make().unanswered(), false}, {"no status", make().status(0), false},
		{"a request not whole", func() made { e := make(); e.Req.Body.Known = 0; return e }(), false},
		{"a response not whole", func() made { e := make(); e.Resp.Body.Known = 0; return e }(), false},
	} {
		if k, ok := bodies(tt.e.Exchange); ok != tt.ok || ok && k == same {
			t.Errorf("%s: %x, known %v; want something else than %x, %v", tt.name, k, ok, same, tt.ok)
		}
	}
	if k, _ := bodies(make().Exchange); k != same {
		t.Error("bodies that are the same are not")
	}
}

// Those that enclose an exchange and do not contradict it are candidates, in the order
// of time; of too many the latest, and the lane is crowded.
func TestDuring(t *testing.T) {
	const c = index.Causality
	u := exchange(proxyLeg(0), 1000*us, 9000*us)
	for _, tt := range []struct {
		name    string
		n       int
		make    func(i int) made
		first   int
		count   int
		crowded bool
	}{
		{"all", 5, func(i int) made { return exchange(clientLeg(i), int64(i), 10000*us) }, 0, 5, false},
		{"begun as late as may be", 5, func(i int) made { return exchange(clientLeg(i), 1000*us+c, 10000*us).request(0) }, 0, 5, false},
		{"begun too late", 5, func(i int) made { return exchange(clientLeg(i), 1000*us+c+1, 10000*us).request(0) }, 0, 0, false},
		{"over as early as may be", 5, func(i int) made { return exchange(clientLeg(i), 0, 1000*us-c) }, 0, 0, false},
		{"that contradict it", 5, func(i int) made { return exchange(clientLeg(i), int64(i), 10000*us).returns(int64(i)) }, 0, 1, false},
		{"as many as are compared", MaxRivals, func(i int) made { return exchange(clientLeg(0), int64(i), 10000*us) }, 0, MaxRivals, false},
		{"more", MaxRivals + 2, func(i int) made { return exchange(clientLeg(0), int64(i), 10000*us) }, 2, MaxRivals, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var es []made
			for i := range tt.n {
				es = append(es, tt.make(i))
			}
			s := shelved(es...)
			cs := s.during(&s.any, u.Exchange)
			if len(cs) != tt.count || s.any.crowded != tt.crowded {
				t.Fatalf("%d candidates, crowded %v; want %d, %v", len(cs), s.any.crowded, tt.count, tt.crowded)
			}
			for i, k := range cs {
				if k.d != tt.first+i || k.lane != &s.any {
					t.Fatalf("candidate %d is %d, want %d", i, k.d, tt.first+i)
				}
			}
		})
	}
	s := shelved(exchange(clientLeg(0), 0, 10000*us).id("a").asks("GET", "/x"))
	if got := s.during(&s.any, u.id("a").Exchange); len(got) != 1 || !got[0].like.sameID {
		t.Errorf("of one id but another line %d candidates, want 1", len(got))
	}
	for over, want := range map[int64]int{950 * us: 1, 950*us - 1: 0} {
		d := exchange(clientLeg(0), 0, 900*us)
		moveTo(d.Resp, 950*us, over)
		near := shelved(d)
		if got := near.during(&near.any, exchange(proxyLeg(0), 1000*us, 9000*us).unanswered().Exchange); len(got) != want {
			t.Errorf("%d candidates that were over at %d ns, want %d", len(got), over, want)
		}
	}
	long := shelved(exchange(clientLeg(0), 0, 17000*us), exchange(clientLeg(1), 10*us, 20*us), exchange(clientLeg(2), 30*us, 40*us))
	if got := long.during(&long.any, exchange(proxyLeg(0), 1000*us, 9000*us).Exchange); len(got) != 1 || got[0].d != 0 {
		t.Errorf("%d candidates, want the one that goes on behind others that were over", len(got))
	}
}

// candidate returns one with differences.
func like(d int, r Resemblance) candidate { return candidate{d, new(Lane), r} }

func whose(cs []candidate) (out []int) {
	for _, k := range cs {
		out = append(out, k.d)
	}
	return out
}

// Those stay that no other one fits better than; where something does not contradict,
// nothing that does.
func TestFittest(t *testing.T) {
	diff := func(names ...uint32) Resemblance { return Resemblance{differ: names} }
	crowd := func(n int) (cs []candidate) {
		for i := range n {
			cs = append(cs, like(i, diff(1, 2)))
		}
		return append(cs, like(n, Resemblance{differ: []uint32{1}}), like(n+1, Resemblance{differ: []uint32{3}, differBack: []uint32{4}}), like(n+2, Resemblance{differ: []uint32{3}, differBack: []uint32{4, 5}}))
	}
	for _, tt := range []struct {
		name string
		cs   []candidate
		want []int
	}{
		{"none", nil, nil},
		{"one that contradicts", []candidate{like(7, Resemblance{otherLine: true})}, []int{7}},
		{"two that contradict", []candidate{like(7, Resemblance{otherLine: true}), like(8, Resemblance{otherLine: true})}, []int{7, 8}},
		{"one of two contradicts", []candidate{like(7, Resemblance{otherLine: true}), like(8, Resemblance{})}, []int{8}},
		{"equally good", []candidate{like(1, diff(1)), like(2, diff(1))}, []int{1, 2}},
		{"one is better", []candidate{like(1, diff(1, 2)), like(2, diff(1))}, []int{2}},
		{"neither is", []candidate{like(1, diff(1, 2)), like(2, diff(3))}, []int{1, 2}},
		{"one better than one of two", []candidate{like(1, diff(1, 2)), like(2, diff(1)), like(3, diff(5, 6))}, []int{2, 3}},
		{"as many as are compared pair by pair", crowd(MaxPairs - 3), []int{MaxPairs - 3, MaxPairs - 2}},
		{"more: only the best is compared", crowd(MaxPairs - 2), []int{MaxPairs - 2, MaxPairs - 1, MaxPairs}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := whose(fittest(tt.cs)); !slices.Equal(got, tt.want) {
				t.Errorf("%v stay, want %v", got, tt.want)
			}
		})
	}
}

// Who has another id is none, if the proxy is seen to keep ids; and who shares its id
// with some is no candidate of others.
func TestPruneByID(t *testing.T) {
	same, other, none := Resemblance{sameID: true}, Resemblance{OtherID: true}, Resemblance{}
	for _, tt := range []struct {
		name  string
		cands [][]candidate
		drop  func([][]candidate)
		want  string
	}{
		{"new ids everywhere", [][]candidate{{like(0, other), like(1, none)}, {like(1, other)}}, dropRenamed, "[[0 1] [1]]"},
		{"ids are kept", [][]candidate{{like(0, other), like(1, none)}, {like(1, same), like(0, other)}}, dropRenamed, "[[1] [1]]"},
		{"no shared ids", [][]candidate{{like(0, none), like(1, none)}, {like(1, none)}}, func(cs [][]candidate) { pruneDowns(cs, 2) }, "[[0 1] [1]]"},
		{"a shared id", [][]candidate{{like(0, none), like(1, none)}, {like(1, same), like(0, none)}}, func(cs [][]candidate) { pruneDowns(cs, 2) }, "[[0] [1 0]]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.drop(tt.cands)
			var got [][]int
			for _, cs := range tt.cands {
				got = append(got, whose(cs))
			}
			if fmt.Sprint(got) != tt.want {
				t.Errorf("%v stay, want %s", got, tt.want)
			}
		})
	}
}

// Of the upstream candidates of one exchange those stay that no other one fits better
// than.
func TestPruneUps(t *testing.T) {
	diff := func(names ...uint32) Resemblance { return Resemblance{differ: names} }
	crowd := func(n int) (cands [][]candidate) {
		for range n - 1 {
			cands = append(cands, []candidate{like(0, diff(1, 2))})
		}
		return append(cands, []candidate{like(0, diff(1))})
	}
	left := func(cands [][]candidate) (n int) {
		for _, cs := range cands {
			n += len(cs)
		}
		return n
	}
	for _, tt := range []struct {
		name  string
		cands [][]candidate
		want  int
	}{
		{"equally good", [][]candidate{{like(0, diff(1))}, {like(0, diff(1))}}, 2},
		{"one is better", [][]candidate{{like(0, diff(1, 2))}, {like(0, diff(1))}}, 1},
		{"for another", [][]candidate{{like(0, diff(1, 2))}, {like(1, diff(1))}}, 2},
		{"one of several", [][]candidate{{like(0, diff(1, 2)), like(1, diff(9))}, {like(0, diff(1)), like(1, diff(9, 8))}}, 2},
		{"as many as are compared", crowd(MaxPairs), 1},
		{"more", crowd(MaxPairs + 1), MaxPairs + 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pruneUps(tt.cands, 2)
			if got := left(tt.cands); got != tt.want {
				t.Errorf("%d stay, want %d", got, tt.want)
			}
		})
	}
	cands := [][]candidate{{like(0, diff(1, 2)), like(1, diff(9))}, {like(0, diff(1)), like(1, diff(9, 8))}}
	if pruneUps(cands, 2); whose(cands[0])[0] != 1 || whose(cands[1])[0] != 0 {
		t.Errorf("%v and %v stay, want 1 and 0", whose(cands[0]), whose(cands[1]))
	}
}
