package logged

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

const anothers = "what is behind the proxy has the id or the body of another exchange"

// A line is wrong if the packets have a time, an id or a body against it.
func TestDoubt(t *testing.T) {
	id := func(s string) []string { return []string{"x-request-id: " + s} }
	a, b := strings.Repeat("a", crossing.MinMark), strings.Repeat("b", crossing.MinMark)
	// swapped is two clients' exchanges, of which the log has the second's behind the
	// proxy for the first's.
	swapped := func(first, second, behind call) func(w *world) {
		return func(w *world) {
			first.at, first.end, second.at, second.end, behind.at, behind.end = 10, 20, 10, 20, 11, 19
			w.down(0).say(first)
			w.down(0).say(second)
			w.up(0).say(behind)
			w.log(of(0, 0, 10, 10))
		}
	}
	doubted := []string{"1 d0: " + anothers}
	tied, told := []string{"d0/0 > u0/0"}, []string{"d0/0: 1"}
	for _, tc := range []joined{
		{name: "behind it began early", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20})
			w.up(0).say(call{at: 5, end: 15})
			w.log(of(0, 0, 10, 10))
		}, conflicts: []string{"1 d0: behind the proxy it began 5.000 ms earlier than its cause"}},
		{name: "behind it ended late", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20})
			w.up(0).say(call{at: 11, end: 25})
			w.log(of(0, 0, 10, 10))
		}, conflicts: []string{"1 d0: what followed does not enclose in time what is behind the proxy"}},
		{name: "its id went elsewhere", make: func(w *world) {
			d, u := w.down(0), w.up(0)
			w.through(d, u, call{at: 10, end: 20, fields: id("one")})
			w.up(0).say(call{at: 11, end: 19, fields: id("two")})
			l := of(0, 1, 10, 10)
			l.id = "one"
			w.log(l)
		}, conflicts: []string{"1 d0: the request with its id went from " + proxyEnd(0)}},
		{name: "its id went elsewhere at another time", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20})
			w.up(0).say(call{at: 31, end: 39, fields: id("one")})
			w.up(0).say(call{at: 11, end: 19, fields: id("two")})
			l := of(0, 1, 10, 10)
			l.id = "one"
			w.log(l)
		}},
		{name: "its id went elsewhere twice", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20})
			w.up(0).say(call{at: 11, end: 19, fields: id("one")})
			w.up(0).say(call{at: 11, end: 19, fields: id("one")})
			w.up(0).say(call{at: 11, end: 19, fields: id("two")})
			l := of(0, 2, 10, 10)
			l.id = "one"
			w.log(l)
		}},
		{name: "its id went there, on another exchange", make: func(w *world) {
			d, u := w.down(0), w.up(0)
			d.say(call{at: 10, end: 20})
			u.say(call{at: 11, end: 19, fields: id("one"), status: 503})
			l := of(0, 0, 10, 10)
			l.id = "one"
			w.log(l)
		}},
		{name: "the id of another client", make: swapped(call{fields: id("one")}, call{fields: id("two")}, call{fields: id("two")}), conflicts: doubted},
		{name: "the id of the client", make: swapped(call{fields: id("one")}, call{fields: id("two")}, call{fields: id("one")}), links: tied, told: told},
		{name: "an id of nobody", make: swapped(call{fields: id("one")}, call{fields: id("two")}, call{fields: id("three")}), links: tied, told: told},
		{name: "an id of nobody, and the body of another client", make: swapped(call{fields: id("one"), sent: a}, call{sent: b}, call{fields: id("three"), sent: b}), conflicts: doubted},
		{name: "the id of another client at another time", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20, fields: id("one")})
			w.down(0).say(call{at: 30, end: 40, fields: id("two")})
			w.up(0).say(call{at: 11, end: 19, fields: id("two")})
			w.log(of(0, 0, 10, 10))
		}, links: tied, told: told},
		{name: "the body of another client", make: swapped(call{sent: a}, call{sent: b}, call{sent: b}), conflicts: doubted},
		{name: "the body of the client", make: swapped(call{sent: a}, call{sent: b}, call{sent: a}), links: tied, told: told},
		{name: "a body of nobody", make: swapped(call{sent: a}, call{sent: b}, call{sent: a + b}), links: tied, told: told},
		{name: "a short body of another client", make: swapped(call{sent: a}, call{sent: "b"}, call{sent: "b"}), links: tied, told: told},
		{name: "the body of another client, a short one of the client", make: swapped(call{sent: "a"}, call{sent: b}, call{sent: b}), links: tied, told: told},
		{name: "the answer of another client", make: swapped(call{body: a}, call{body: b}, call{body: b}), conflicts: doubted},
		{name: "the answer of another client, the body of both", make: swapped(call{sent: a, body: a}, call{sent: a, body: b}, call{sent: a, body: b}), conflicts: doubted},
		{name: "the body of two other clients", make: func(w *world) {
			for _, s := range []string{a, b, b} {
				w.down(0).say(call{at: 10, end: 20, sent: s})
			}
			w.up(0).say(call{at: 11, end: 19, sent: b})
			w.log(of(0, 0, 10, 10))
		}, links: tied, told: told},
		{name: "the body of another client at another time", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20, sent: a})
			w.down(0).say(call{at: 30, end: 40, sent: b})
			w.up(0).say(call{at: 11, end: 19, sent: b})
			w.log(of(0, 0, 10, 10))
		}, links: tied, told: told},
		{name: "behind it was not the last attempt, and the line does not say", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20})
			w.up(0).say(call{at: 11, end: 19, status: 503})
			l := of(0, 0, 10, 10)
			l.status = 0
			w.log(l)
		}},
		{name: "the line does not say", make: func(w *world) {
			w.through(w.down(0), w.up(0), call{at: 10, end: 20})
			l := of(0, 0, 10, 10)
			l.status = 0
			w.log(l)
		}, links: tied, told: told},
	} {
		tc.make = method(tc.make)
		tc.run(t, logFormat)
	}
}

// method makes lines say nothing of the method.
func method(f func(w *world)) func(w *world) {
	return func(w *world) {
		f(w)
		for _, lines := range w.logs {
			for i := range lines {
				lines[i].request = "- /"
			}
		}
	}
}

// A conflict names the line, what it says, and the packets of both sides.
func TestConflict(t *testing.T) {
	w := new(world)
	w.through(w.down(0), w.up(0), call{at: 10, end: 20})
	w.down(0).say(call{at: 10, end: 20})
	w.up(0).say(call{at: 5, end: 15})
	w.log(of(0, 0, 10, 10), of(1, 1, 10, 10))
	w.read(t, logFormat)
	Join(w.c)
	d, u := w.leg("d1"), w.leg("u1")
	want := record.Conflict{Source: record.Source{Kind: record.AccessLog, File: w.c.Records.Files[0].Name, Line: 2}, Leg: d.ID,
		Says:    fmt.Sprintf("%s → %s, then %s → %s", clientEnd(1), service, proxyEnd(1), server),
		Packets: "behind the proxy it began 5.000 ms earlier than its cause"}
	want.Shown = append(want.Shown, d.Exchanges[0].Ref(), u.Exchanges[0].Ref())
	if diff := cmp.Diff([]record.Conflict{want}, w.c.Conflicts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A log is not believed if three of its lines and more than a quarter of them are
// wrong.
func TestDisbelieved(t *testing.T) {
	for _, tc := range []struct {
		name     string
		right    int
		wrong    int
		other    int // right lines of another file
		believed bool
	}{
		{"all right", 3, 0, 0, true},
		{"two wrong, and none right", 0, 2, 0, true},
		{"three wrong, and none right", 0, 3, 0, false},
		{"just more than a quarter", 8, 3, 0, false},
		{"a quarter", 9, 3, 0, true},
		{"less than a quarter", 10, 3, 0, true},
		{"two of three", 1, 2, 0, true},
		{"right ones of another file", 0, 3, 20, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var lines []line
			for i := range tc.right + tc.wrong + tc.other {
				lines = append(lines, line{at: float64(i), request: "GET /", status: 200})
			}
			es := entries(t, lines...)
			c := &crossing.Crossing{Records: &recorded.Records{Files: []record.Info{{}, {File: record.File{Name: "log"}}, {}}}}
			for i, e := range es {
				e.File = 1
				if i >= tc.right+tc.wrong {
					e.File = 2
				}
				at := 11.0
				if i >= tc.right && i < tc.right+tc.wrong {
					at = 5
				}
				e.tell(downstream, list(exchange("GET / 200", 10, 20)))
				e.tell(upstream, list(exchange("GET / 200", at, 19)))
			}
			whole := entries(t, line{}, line{at: 1, request: "GET /"}) // of a connection, and of an exchange that goes nowhere
			whole[0].Up, whole[0].whole = es[0].Up, true
			whole[0].File, whole[1].File = 2, 2
			left := truthful(c, append(es, whole...))
			want := tc.right + tc.other + 2
			if !tc.believed {
				want = tc.other + 2
			}
			if len(left) != want {
				t.Errorf("%d lines are left, want %d", len(left), want)
			}
			conflicts := tc.wrong
			if !tc.believed {
				conflicts++
				last := c.Conflicts[len(c.Conflicts)-1]
				says := record.Conflict{Source: record.Source{Kind: record.AccessLog, File: "log"}, Leg: -1,
					Says:    fmt.Sprintf("how the proxy sent %d exchanges on", tc.right+tc.wrong),
					Packets: fmt.Sprintf("otherwise of %d of them, so none of these lines is used", tc.wrong)}
				if diff := cmp.Diff(says, last); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			}
			if len(c.Conflicts) != conflicts {
				t.Errorf("%d conflicts, want %d", len(c.Conflicts), conflicts)
			}
		})
	}
}

// A line of a leg that cannot be read is strange if no turn of it may be the cause of
// what is behind the proxy.
func TestStrange(t *testing.T) {
	for _, tc := range []struct {
		name    string
		turns   [][2]float64
		ups     int
		read    bool
		alpn    string
		strange bool
	}{
		{"a cause", [][2]float64{{10, 20}}, 1, false, "", false},
		{"no cause", [][2]float64{{30, 40}}, 1, false, "", true},
		{"one of two", [][2]float64{{30, 40}, {10, 20}}, 1, false, "", false},
		{"none of two", [][2]float64{{30, 40}, {50, 60}}, 1, false, "", true},
		{"no turns", nil, 1, false, "", false},
		{"it can be read", [][2]float64{{30, 40}}, 1, true, "", false},
		{"streams", [][2]float64{{30, 40}}, 1, false, "h2", false},
		{"nothing behind", [][2]float64{{30, 40}}, 0, false, "", false},
		{"several behind", [][2]float64{{30, 40}}, 2, false, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := entry(t, line{})
			e.Down = legFrom(clientEnd(0), service)
			e.Down.Protocol, e.Down.TLS.ALPN = "tls", []string{tc.alpn}
			for _, k := range tc.turns {
				x := outlined(exchange("GET / 200", k[0], k[1]), graph.Outline{})
				x.Leg = e.Down
				e.Down.Hidden = append(e.Down.Hidden, *x)
			}
			if tc.read {
				exchangeOn(e.Down, "GET / 200", 10, 20)
			}
			for range tc.ups {
				e.ups = append(e.ups, exchange("GET / 200", 11, 19))
			}
			if got := strange(e); got != tc.strange {
				t.Errorf("strange %v, want %v", got, tc.strange)
			}
		})
	}
}

// Strange lines are used, but count as wrong ones.
func TestStrangeLinesCount(t *testing.T) {
	es := entries(t, line{request: "GET /", at: 1}, line{request: "GET /", at: 2}, line{request: "GET /", at: 3}, line{request: "GET /", at: 4})
	c := &crossing.Crossing{Records: &recorded.Records{Files: make([]record.Info, 1)}}
	for _, e := range es {
		e.tell(downstream, list(outlined(exchange("GET / 200", 30, 40), graph.Outline{})))
		e.Down.Exchanges, e.Down.Protocol = nil, "tls"
		e.Down.Hidden = []graph.Exchange{*e.downs[0]}
		e.tell(upstream, list(exchange("GET / 200", 11, 19)))
	}
	if left := truthful(c, es[:2]); len(left) != 2 || len(c.Conflicts) != 0 {
		t.Errorf("%d of 2 lines are left, %d conflicts", len(left), len(c.Conflicts))
	}
	if left := truthful(c, es); len(left) != 0 || len(c.Conflicts) != 1 {
		t.Errorf("%d of 4 lines are left, %d conflicts, want none and 1", len(left), len(c.Conflicts))
	}
}

// What an entry may be of is not known well enough to deny it.
func TestDeniesOnlyWhatIsKnown(t *testing.T) {
	early := exchange("GET / 200", 5, 19)
	for _, tc := range []struct {
		name  string
		downs []*graph.Exchange
		ups   []*graph.Exchange
		want  bool
	}{
		{"one of each", list(exchange("GET / 200", 10, 20)), list(early), true},
		{"no client's", nil, list(early), false},
		{"two clients'", list(exchange("GET / 200", 10, 20), exchange("GET / 200", 11, 20)), list(early), false},
		{"nothing behind", list(exchange("GET / 200", 10, 20)), nil, false},
		{"two behind", list(exchange("GET / 200", 10, 20)), list(early, early), false},
		{"the client's cannot be read", list(outlined(exchange("GET / 200", 10, 20), graph.Outline{})), list(early), false},
		{"what is behind cannot be read", list(exchange("GET / 200", 10, 20)), list(outlined(exchange("GET / 200", 5, 19), graph.Outline{})), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := entry(t, line{})
			e.downs, e.ups = tc.downs, tc.ups
			u, packets := ownersOf(nil).denies(e, nil)
			if (packets != "") != tc.want || (u == early) != tc.want {
				t.Errorf("denied: %q by %p, want %v", packets, u, tc.want)
			}
		})
	}
}

func TestBlurred(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		downs  []*graph.Exchange
		ups    []*graph.Exchange
		want   bool
	}{
		{"another status", 0, list(exchange("GET / 200", 10, 20)), list(exchange("GET / 503", 11, 19)), true},
		{"another status, and the line says which", 200, list(exchange("GET / 200", 10, 20)), list(exchange("GET / 503", 11, 19)), false},
		{"the same status", 0, list(exchange("GET / 200", 10, 20)), list(exchange("GET / 200", 11, 19)), false},
		{"no client's", 0, nil, list(exchange("GET / 503", 11, 19)), false},
		{"nothing behind", 0, list(exchange("GET / 200", 10, 20)), nil, false},
		{"two clients'", 0, list(exchange("GET / 200", 10, 20), exchange("GET / 200", 10, 20)), list(exchange("GET / 503", 11, 19)), false},
		{"two behind", 0, list(exchange("GET / 200", 10, 20)), list(exchange("GET / 503", 11, 19), exchange("GET / 503", 11, 19)), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := entry(t, line{status: tc.status})
			e.downs, e.ups = tc.downs, tc.ups
			if got := e.blurred(); got != tc.want {
				t.Errorf("blurred %v, want %v", got, tc.want)
			}
		})
	}
}

// Exchanges are known by ids that no other has.
func TestByID(t *testing.T) {
	a, b, c, d := exchange("GET / 200 one", 0, 1), exchange("GET / 200 two", 0, 1), exchange("GET / 200 two", 0, 1), exchange("GET / 200", 0, 1)
	got := byID(list(a, b, c, d))
	if len(got) != 2 || got["one"] != a || got["two"] != nil {
		t.Errorf("by id %v, want one alone", got)
	}
}

func TestTooEarly(t *testing.T) {
	for early, want := range map[int64]string{
		1_234_567: "behind the proxy it began 1.235 ms earlier than its cause",
		1:         "behind the proxy it began 0.000 ms earlier than its cause",
		0:         "what followed does not enclose in time what is behind the proxy",
		-5:        "what followed does not enclose in time what is behind the proxy",
	} {
		if got := tooEarly(begin, begin-early); got != want {
			t.Errorf("%d ns early: %q, want %q", early, got, want)
		}
	}
}
