package tries

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// named sets the host of the request.
func (e made) named(host string) made { e.Req.Host = e.Scan.Text.Keep([]byte(host)); return e }

// A service is what a pair of exchanges, of a client and upstream, goes to.
type service struct{ to, sni string }

var (
	first  = service{"10.244.2.20:8080", "outbound_.80_._.svc-b.demo.svc.cluster.local"}
	second = service{"10.244.2.20:8081", "outbound_.80_._.svc-m.demo.svc.cluster.local"}
)

// toward returns an exchange with a service on a leg of its own.
func (s service) toward(i int, from, to int64) made {
	l := leg(fmt.Sprintf("10.244.1.10:%d", 50000+i), s.to)
	l.TLS.SNI, l.OrigBytes = s.sni, 1
	return exchange(l, from, to)
}

// mirrored returns n clients' exchanges, one each 10 ms, what each caused, and the copies,
// 100 µs later.
func mirrored(n int, say func(e made, i int) made) (downs, ups, copies []made) {
	for i := range n {
		at := int64(i) * 10000 * us
		downs = append(downs, exchange(clientLeg(i), at, at+5000*us).named("svc-b:80"))
		ups = append(ups, say(first.toward(i, at+300*us, at+4000*us), i))
		copies = append(copies, say(second.toward(100+i, at+400*us, at+6000*us), i))
	}
	return downs, ups, copies
}

// hide makes an exchange one that cannot be read, of 300 bytes and as many as its number.
func hide(e made, i int) made { return e.veiled(300 + int64(i)) }

// set makes a crossing in which turns are told already.
func set(downs []made, ups ...made) *crossing.Crossing {
	c := between(downs, ups)
	for _, l := range slices.Concat(c.Down, c.Up) {
		if !l.Readable() {
			l.Hidden = l.Exchanges
		}
	}
	c.Ledger = new(graph.Ledger)
	return c
}

// A target gets copies if all that is asked there is asked elsewhere just then, clients
// ask too little for both, and what they name is the other.
func TestSetCopiesApart(t *testing.T) {
	type world struct{ downs, ups, copies []made }
	usual := func(n int) world {
		downs, ups, copies := mirrored(n, hide)
		return world{downs, ups, copies}
	}
	for _, tt := range []struct {
		name string
		make func() world
		than func(c *crossing.Crossing)
		want int // legs that carry copies
	}{
		{"all", func() world { return usual(6) }, nil, 6},
		{"as few as may be", func() world { return usual(4) }, nil, 4},
		{"too few", func() world { return usual(3) }, nil, 0},
		{"some of the requests", func() world {
			w := usual(12)
			w.copies = w.copies[:5]
			return w
		}, nil, 5},
		{"that can be read", func() world {
			downs, ups, copies := mirrored(6, func(e made, i int) made { return e.asks("GET", fmt.Sprint("/", i)) })
			return world{downs, ups, copies}
		}, nil, 6},
		{"longer by what proxies tell each other", func() world {
			w := usual(6)
			for i := range w.copies {
				w.copies[i].veiled(200 + int64(i))
			}
			return w
		}, nil, 6},
		{"of other lengths", func() world {
			w := usual(6)
			for i := range w.copies {
				w.copies[i].veiled(200 + 7*int64(i))
			}
			return w
		}, nil, 0},
		{"one of which is of another length", func() world {
			w := usual(6)
			w.copies[2].veiled(999)
			return w
		}, nil, 0},
		{"each later, as if tried again", func() world {
			w := usual(6)
			for _, e := range w.copies {
				moveTo(e.Req, e.Req.From.Nanos+3000*us, e.Req.To.Nanos+3000*us)
			}
			return w
		}, nil, 0},
		{"clients asked both", func() world {
			w := usual(6)
			for i := range w.copies {
				w.downs = append(w.downs, exchange(clientLeg(20+i), int64(i)*10000*us, int64(i)*10000*us+5000*us).named("svc-b"))
			}
			return w
		}, nil, 0},
		{"clients name both", func() world {
			w := usual(6)
			w.downs[0].named("svc-m.demo")
			return w
		}, nil, 0},
		{"clients name neither", func() world {
			w := usual(6)
			for _, e := range w.downs {
				e.named("example.com")
			}
			return w
		}, nil, 0},
		{"clients name neither, and the log one", func() world {
			w := usual(6)
			for _, e := range w.downs {
				e.named("example.com")
			}
			return w
		}, func(c *crossing.Crossing) {
			for _, u := range c.Up[:6] {
				c.Ledger.Lines = append(c.Ledger.Lines, &graph.NamedLine{Line: new(recorded.Line), Up: u})
			}
		}, 6},
		{"what clients ask is not all told", func() world { return usual(6) }, func(c *crossing.Crossing) {
			l := clientLeg(40)
			l.OrigBytes = 9
			c.Down = append(c.Down, l)
		}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := tt.make()
			c := set(w.downs, slices.Concat(w.ups, w.copies)...)
			if tt.than != nil {
				tt.than(c)
			}
			SetCopiesApart(c)
			if len(c.Copies) != tt.want || len(c.Up) != len(w.ups)+len(w.copies)-tt.want ||
				slices.ContainsFunc(c.Copies, func(l *graph.Leg) bool { return l.TLS.SNI != second.sni }) {
				t.Errorf("%d legs carry copies, %d are left; want %d", len(c.Copies), len(c.Up), tt.want)
			}
		})
	}
}

// A copy is tied to the exchange whose first was tied, if it can be of no other.
func TestJoinCopies(t *testing.T) {
	same := func(e made, _ int) made { return e.veiled(300) }
	for _, tt := range []struct {
		name       string
		say        func(e made, i int) made
		move       func(copies []made)
		tied       int // the first exchanges, from what answered
		want       string
		confidence float64
	}{
		{"by lengths", hide, nil, 4, "0>100 1>101 2>102 3>103", graph.SureByTime},
		{"of the same length, at other times", same, nil, 4, "0>100 1>101 2>102 3>103", graph.SureByTime},
		{"of the same length, two at once", same, func(copies []made) {
			moveTo(copies[2].Req, copies[1].Req.From.Nanos+100*us, copies[1].Req.To.Nanos+100*us)
		}, 4, "0>100 3>103", graph.SureByTime},
		{"of what is not tied", hide, nil, 2, "0>100 1>101", graph.SureByTime},
		{"by ids", func(e made, i int) made { return e.id(fmt.Sprint("id-", i)) }, nil, 4, "0>100 1>101 2>102 3>103", graph.SureProven},
		{"by what they ask", func(e made, i int) made { return e.asks("GET", fmt.Sprint("/", i)) }, nil, 4, "0>100 1>101 2>102 3>103", graph.SureByContents},
	} {
		t.Run(tt.name, func(t *testing.T) {
			downs, ups, copies := mirrored(4, tt.say)
			for i := range downs {
				if !graph.IsHidden(ups[0].Exchange) {
					tt.say(downs[i], i)
				}
			}
			if tt.move != nil {
				tt.move(copies)
			}
			c := set(downs, slices.Concat(ups, copies)...)
			c.Copies, c.Up = c.Up[4:], c.Up[:4]
			for i := range tt.tied {
				c.Add(&graph.Link{From: c.Down[i], To: c.Up[i], Down: &c.Down[i].Exchanges[0], Up: &c.Up[i].Exchanges[0], Attempt: 1, Confidence: graph.SureProven, Proven: true})
			}
			JoinCopies(c)
			var got []string
			for _, l := range c.Links[tt.tied:] {
				got = append(got, fmt.Sprintf("%d>%d", l.From.Orig.Src.Addr().As4()[3]-1, l.To.Orig.Src.Port()-50000))
				if !l.Copy || l.Confidence != tt.confidence || len(l.Evidence) != 1 || len(l.Evidence[0].Packets) != 3 || !c.Taken[l.Up] {
					t.Errorf("link %+v", l)
				}
			}
			if got := strings.Join(got, " "); got != tt.want {
				t.Errorf("copies %s, want %s", got, tt.want)
			}
		})
	}
}

func TestServiceOf(t *testing.T) {
	for _, tt := range [][2]string{{"outbound_.80_._.svc-b.demo.svc.cluster.local", "svc-b.demo.svc.cluster.local"}, {"outbound_.80_.v1_.svc-b.demo", "svc-b.demo"},
		{"example.com", "example.com"}, {"", ""}, {"a_.example.com", "a_.example.com"}} {
		if got := serviceOf(tt[0]); got != tt[1] {
			t.Errorf("%q is of %q, want %q", tt[0], got, tt[1])
		}
	}
	for _, tt := range [][2]string{{"svc-b:80", "svc-b"}, {"svc-b", "svc-b"}, {"[2001:db8::1]", "[2001:db8::1]"}, {"[2001:db8::1]:80", "[2001:db8::1]"}} {
		if got := bare(tt[0]); got != tt[1] {
			t.Errorf("%q is %q, want %q", tt[0], got, tt[1])
		}
	}
}
