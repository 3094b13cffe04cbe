package trace

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// A traced is a world and the paths that are in it.
type traced struct {
	name string
	make func(w *world)
	want []string
}

func (tc *traced) run(t *testing.T) {
	t.Run(tc.name, func(t *testing.T) {
		w := new(world)
		tc.make(w)
		if diff := cmp.Diff(tc.want, w.paths()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// Short names of roles.
const (
	in   = flow.RoleClientProxy
	app  = flow.RoleProxyApp
	out  = flow.RoleAppProxy
	peer = flow.RoleProxyServer
)

// Who is a path, and what is on it.
func TestPaths(t *testing.T) {
	for _, tc := range []traced{
		{"nothing", func(w *world) {}, nil},
		{"a leg alone", func(w *world) { w.leg(in, "GET /a 200") }, []string{"inbound 0: GET /a 200 0"}},
		{"one proxy", func(w *world) {
			w.tie(w.leg(in, "GET /a 200"), 0, w.leg(app, "GET /a 200"), 0)
		}, []string{"inbound 0,1 joined complete: GET /a 200 proven 0 1"}},
		{"two proxies", func(w *world) {
			a, b, c := w.leg(out, "GET /a 200"), w.leg(flow.RoleProxyProxy, "GET /a 200"), w.leg(app, "GET /a 200")
			w.tie(b, 0, c, 0)
			w.tie(a, 0, b, 0)
		}, []string{"outbound 0,1,2 joined complete: GET /a 200 proven 0 1 2"}},
		{"a shared leg", func(w *world) {
			a, b, c := w.leg(in, "GET /a 200", "GET /b 200"), w.leg(in, "GET /c 200"), w.leg(app, "GET /a 200", "GET /c 200", "GET /b 200")
			w.tie(a, 0, c, 0)
			w.tie(a, 1, c, 2)
			w.tie(b, 0, c, 1)
		}, []string{"inbound 0,2 joined complete: GET /a 200 proven 0 2: GET /b 200 proven 0 2", "inbound 1,2 joined complete: GET /c 200 proven 1 2"}},
		{"what nobody claims of a leg", func(w *world) {
			w.tie(w.leg(in, "GET /a 200"), 0, w.leg(app, "GET /a 200", "GET /b 200"), 0)
		}, []string{"inbound 0,1 joined complete: GET /a 200 proven 0 1", "inbound 1 own 1: GET /b 200 1"}},
		{"bytes that nobody claims of a leg", func(w *world) {
			c := w.leg(app, "GET /a 200")
			c.Loose = true
			w.tie(w.leg(in, "GET /a 200"), 0, c, 0)
		}, []string{"inbound 0 own 0", "inbound 1,0 joined complete: GET /a 200 proven 1 0"}},
		{"what nobody claims of a leg that cannot be read", func(w *world) {
			c := w.leg(app, "GET /a 200", "GET /b 200")
			c.Protocol = flow.ProtocolTLS
			w.tie(w.leg(in, "GET /a 200"), 0, c, 0)
		}, []string{"inbound 0: GET /b 200 0", "inbound 1,0 joined complete: GET /a 200 proven 1 0"}},
		{"to the mesh itself", func(w *world) {
			w.tie(w.leg(in, "GET /a 200"), 0, w.leg(flow.RoleControl, "GET /a 200"), 0)
		}, []string{"inbound 0: GET /a 200 0", "direct 1 complete: GET /a 200 1"}},
		{"a guess", func(w *world) {
			w.guess(w.leg(in, "GET /a 200"), 0, w.leg(app, "GET /a 200"), 0)
		}, []string{"inbound 0,1 ambiguous: GET /a 200 0 ?1", "inbound 1: GET /a 200 1"}},
		{"a guess, behind which it is certain", func(w *world) {
			a, b, c := w.leg(out, "GET /a 200"), w.leg(flow.RoleProxyProxy, "GET /a 200"), w.leg(app, "GET /a 200")
			w.guess(a, 0, b, 0)
			w.tie(b, 0, c, 0)
		}, []string{"outbound 0,1 ambiguous: GET /a 200 0 ?1", "inbound 1,2 joined complete: GET /a 200 proven 1 2"}},
		{"a guess of what is behind a leg", func(w *world) {
			a, b, c := w.leg(out), w.leg(flow.RoleProxyProxy, "GET /a 200"), w.leg(app, "GET /a 200")
			w.guess(a, whole, b, 0)
			w.tie(b, 0, c, 0)
		}, []string{"outbound 0,1 ambiguous: GET /a 200 0 ?1", "inbound 1,2 joined complete: GET /a 200 proven 1 2"}},
		{"two proxies, and what is between them was made out twice", func(w *world) {
			a, b, c := w.leg(out, "GET /a 200"), w.leg(flow.RoleProxyProxy, "GET /a 200"), w.leg(app, "GET /a 200")
			b.Exchanges[0].Outline = new(graph.Outline)
			twin := b.Exchanges[0]
			w.tie(a, 0, b, 0).Up = &twin
			w.tie(b, 0, c, 0)
		}, []string{"outbound 0,1,2 joined complete: GET /a 200 proven 0 1 2"}},
		{"not proven", func(w *world) {
			a, b, c := w.leg(out, "GET /a 200"), w.leg(flow.RoleProxyProxy, "GET /a 200"), w.leg(app, "GET /a 200")
			w.tie(a, 0, b, 0)
			w.tie(b, 0, c, 0).Proven = false
		}, []string{"outbound 0,1,2 joined complete: GET /a 200 0 1 2"}},
		{"attempts", func(w *world) {
			a, b, c := w.leg(out, "GET /a 200"), w.leg(peer, "GET /a 503"), w.leg(peer, "GET /a 200")
			w.tie(a, 0, c, 0).Attempt = 2
			w.tie(a, 0, b, 0)
		}, []string{"outbound 0,1,2 joined complete: GET /a 200 proven 0 1 2#2"}},
		{"attempts that are not all known", func(w *world) {
			a, b, c := w.leg(out, "GET /a 200"), w.leg(peer, "GET /a 503"), w.leg(peer, "GET /a 200")
			w.tie(a, 0, b, 0)
			l := w.tie(a, 0, c, 0)
			l.Attempt, l.Uncounted = 2, true
		}, []string{"outbound 0,1,2 joined complete: GET /a 200 proven 0 1 2#0"}},
		{"a copy that goes on", func(w *world) {
			a, b, c := w.leg(out, "GET /a 200"), w.leg(peer, "GET /copied 404"), w.leg(peer, "GET /a 200")
			d := w.leg(app, "GET /copied 404")
			a.Exchanges[0].Req = nil // what was asked is learned from what answered
			k := w.tie(a, 0, b, 0)
			k.Copy, k.Proven = true, false
			w.tie(a, 0, c, 0)
			w.tie(b, 0, d, 0)
		}, []string{"outbound 0,2,1,3 joined complete: GET /a 200 proven 0 2 1copy#0 3copy"}},
		{"attempts that go on", func(w *world) {
			a, b, c := w.leg(out, "GET /a 200"), w.leg(flow.RoleProxyProxy, "GET /a 503"), w.leg(app, "GET /a 503")
			d := w.leg(peer, "GET /a 200")
			w.tie(a, 0, d, 0).Attempt = 2
			w.tie(a, 0, b, 0)
			w.tie(b, 0, c, 0)
		}, []string{"outbound 0,1,2,3 joined complete: GET /a 200 proven 0 1 2 3#2"}},
	} {
		tc.run(t)
	}
}

// What is certainly of a client, though not which of its exchanges it is, is in the path of
// that client only, and what lies behind it is shown once.
func TestPathsOfCaused(t *testing.T) {
	for _, tc := range []traced{
		{"once", func(w *world) {
			a, b, c := w.leg(in, "GET /a 200", "GET /b 200"), w.leg(app, "GET /a 200"), w.leg(app, "GET /b 200")
			w.tie(a, 0, b, 0)
			w.guess(a, 1, c, 0).Caused = true
		}, []string{"inbound 0,1,2 joined ambiguous: GET /a 200 proven 0 1: GET /b 200 0 ?2"}},
		{"twice, and on", func(w *world) {
			a, b, c := w.leg(out, "GET /a 200", "GET /a 200"), w.leg(flow.RoleProxyProxy, "GET /a 200"), w.leg(app, "GET /a 200")
			w.guess(a, 0, b, 0).Caused = true
			w.guess(a, 1, b, 0).Caused = true
			w.tie(b, 0, c, 0)
		}, []string{"outbound 0,1,2 joined ambiguous: GET /a 200 0 ?1 2: GET /a 200 0 ?1"}},
		{"not sure of which client", func(w *world) {
			a, b := w.leg(in, "GET /a 200"), w.leg(app, "GET /a 200")
			w.guess(a, 0, b, 0)
		}, []string{"inbound 0,1 ambiguous: GET /a 200 0 ?1", "inbound 1: GET /a 200 1"}},
	} {
		tc.run(t)
	}
}

// Legs that are tied as a whole, and exchanges that only the leg behind shows.
func TestPathsOfWholeLegs(t *testing.T) {
	for _, tc := range []traced{
		{"bytes", func(w *world) {
			w.tie(w.leg(in), whole, w.leg(app), whole)
		}, []string{"inbound 0,1 joined complete"}},
		{"bytes through two proxies", func(w *world) {
			a, b, c := w.leg(out), w.leg(flow.RoleProxyProxy), w.leg(app)
			w.tie(a, whole, b, whole)
			w.tie(b, whole, c, whole)
		}, []string{"outbound 0,1,2 joined complete"}},
		{"a guess", func(w *world) {
			a, b, c := w.leg(out), w.leg(flow.RoleProxyProxy), w.leg(app)
			w.guess(a, whole, b, whole)
			w.tie(b, whole, c, whole)
		}, []string{"outbound 0,1 ambiguous", "inbound 1,2 joined complete"}},
		{"an exchange on a connection that came to nothing", func(w *world) {
			w.tie(w.leg(out, "GET /a 503"), 0, w.leg(peer), whole)
		}, []string{"outbound 0,1 joined complete: GET /a 503 proven 0 1"}},
		{"an exchange that is missing on a connection of others", func(w *world) {
			a, b := w.leg(out, "GET /a 200"), w.leg(peer, "GET /b 200")
			w.tie(a, 0, b, whole)
		}, []string{"outbound 0,1 joined complete: GET /a 200 proven 0 1", "outbound 1: GET /b 200 1"}},
		{"exchanges behind a leg that cannot be read", func(w *world) {
			a := w.leg(out)
			b := w.leg(peer, "GET /b 200", "GET /c 200")
			c := w.leg(peer, "GET /a 200")
			w.tie(a, whole, b, 1)
			w.tie(a, whole, c, 0)
			w.tie(a, whole, b, 0)
		}, []string{"outbound 0,1,2 joined complete: GET /b 200 proven 0 1: GET /a 200 proven 0 2: GET /c 200 proven 0 1"}},
		{"and behind that", func(w *world) {
			a, b, c := w.leg(out), w.leg(flow.RoleProxyProxy, "GET /a 200"), w.leg(app, "GET /a 200")
			w.tie(a, whole, b, 0)
			w.tie(b, 0, c, 0)
		}, []string{"outbound 0,1,2 joined complete: GET /a 200 proven 0 1 2"}},
		{"more of a leg that can be read", func(w *world) {
			a, b := w.leg(out, "GET /a 200"), w.leg(peer, "GET /x 200", "GET /a 200")
			w.tie(a, 0, b, 1)
			w.tie(a, whole, b, 0)
		}, []string{"outbound 0,1 joined complete: GET /a 200 proven 0 1: GET /x 200 proven 0 1"}},
		{"more of a leg that cannot be read, guessed", func(w *world) {
			a, b := w.leg(out), w.leg(peer, "GET /x 200")
			w.guess(a, whole, b, 0)
		}, []string{"outbound 0,1 ambiguous: GET /x 200 0 ?1", "outbound 1: GET /x 200 1"}},
	} {
		tc.run(t)
	}
}

// What the client's leg does not show, a later hop does, unless it is a guess.
func TestLearn(t *testing.T) {
	for _, tc := range []struct {
		name         string
		client, next string
		ambiguous    bool
		want         string
	}{
		{"nothing to learn", "GET /a 200 one", "PUT /b 503 two", false, "GET /a 200 one"},
		{"the request was lost", "- 200 one", "GET /a 503 two", false, "GET /a 200 one"},
		{"request and id were lost", "- 200", "GET /a 503 two", false, "GET /a 200 two"},
		{"all but the id was lost", "- 0 one", "GET /a 503 two", false, "GET /a 503 one"},
		{"by a guess", "- 200", "GET /a 200 two", true, "200"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := new(world)
			l := w.tie(w.leg(in, tc.client), 0, w.leg(app, tc.next), 0)
			l.Ambiguous = tc.ambiguous
			x := &Trace(new(index.Index), w.legs, w.links)[0].Exchanges[0]
			if got := strings.Join(strings.Fields(fmt.Sprint(x.Method, " ", x.Target, " ", x.Status, " ", x.RequestID)), " "); got != tc.want {
				t.Errorf("learnt %q, want %q", got, tc.want)
			}
		})
	}
}

// A path is complete if it is joined to its end and no byte of it is missing.
func TestComplete(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(a, b *graph.Leg)
		want   bool
	}{
		{"as it is", func(a, b *graph.Leg) {}, true},
		{"bytes of the client are missing", func(a, b *graph.Leg) { a.OrigMissing = 1 }, false},
		{"bytes of the server are missing", func(a, b *graph.Leg) { b.ReplyMissing = 1 }, false},
		{"it began before the capture", func(a, b *graph.Leg) { b.Midstream = true }, false},
		{"nothing of the client was captured", func(a, b *graph.Leg) { b.Conn.Orig = 0 }, false},
		{"nothing of the server was captured", func(a, b *graph.Leg) { a.Conn.Reply = 0 }, false},
		{"no response", func(a, b *graph.Leg) { a.Exchanges[0].Resp = nil }, false},
		{"no response behind", func(a, b *graph.Leg) { b.Exchanges[0].Resp = nil }, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := new(world)
			a, b := w.leg(in, "GET /a 200"), w.leg(app, "GET /a 200")
			w.tie(a, 0, b, 0)
			tc.change(a, b)
			if got := Trace(new(index.Index), w.legs, w.links)[0].Complete; got != tc.want {
				t.Errorf("complete %v, want %v", got, tc.want)
			}
		})
	}
	for _, tc := range []traced{
		{"one exchange leads nowhere", func(w *world) {
			w.tie(w.leg(in, "GET /a 200", "GET /b 200"), 0, w.leg(app, "GET /a 200"), 0)
		}, []string{"inbound 0,1 joined: GET /a 200 proven 0 1: GET /b 200 0"}},
		{"past the proxy", func(w *world) { w.leg(flow.RoleDirect, "GET /a 200", "GET /b 200") },
			[]string{"direct 0 complete: GET /a 200 0: GET /b 200 0"}},
		{"past the proxy, no response", func(w *world) { w.leg(flow.RoleDirect, "GET /a 200", "GET /b -") },
			[]string{"direct 0: GET /a 200 0: GET /b 0 0"}},
	} {
		tc.run(t)
	}
}

// The direction is told by the client's role, and by where the path ends.
func TestDirection(t *testing.T) {
	for _, tc := range []struct {
		name     string
		role     flow.Role
		loopback bool
		then     []flow.Role
		inside   bool // the last leg is on loopback
		want     flow.Direction
	}{
		{"from a client", in, false, nil, false, flow.Inbound},
		{"from a client to the application", in, false, []flow.Role{app}, false, flow.Inbound},
		{"from a client on", in, false, []flow.Role{peer}, false, flow.Gateway},
		{"from a client on, and back", in, false, []flow.Role{peer, app}, false, flow.Inbound},
		{"to the application", app, false, nil, false, flow.Inbound},
		{"from the application", out, false, nil, false, flow.Outbound},
		{"from the application to a server", out, false, []flow.Role{peer}, false, flow.Outbound},
		{"from the application to a server on loopback", out, false, []flow.Role{peer}, true, flow.Outbound},
		{"from the application to a peer", out, false, []flow.Role{flow.RoleProxyProxy}, false, flow.Outbound},
		{"from the application to itself", out, false, []flow.Role{flow.RoleProxyProxy}, true, flow.Self},
		{"to a server", peer, false, nil, false, flow.Outbound},
		{"between proxies", flow.RoleProxyProxy, false, nil, false, flow.Inbound},
		{"between proxies of one pod", flow.RoleProxyProxy, true, nil, false, flow.Self},
		{"past the proxy", flow.RoleDirect, false, nil, false, flow.Direct},
		{"of the mesh", flow.RoleControl, false, nil, false, flow.Direct},
		{"unknown", flow.RoleUnknown, false, nil, false, flow.DirectionUnknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := new(world)
			l := w.leg(tc.role)
			l.Conn.Loopback = tc.loopback
			for _, r := range tc.then {
				next := w.leg(r)
				next.Conn.Loopback = tc.inside
				w.tie(l, whole, next, whole)
				l = next
			}
			if got := Trace(new(index.Index), w.legs, w.links)[0].Direction; got != tc.want {
				t.Errorf("direction %v, want %v", got, tc.want)
			}
		})
	}
}

// A path is joined by one tie that is sure, of exchanges or of legs.
func TestJoined(t *testing.T) {
	for _, tc := range []struct {
		name string
		make func(w *world)
		want bool
	}{
		{"no tie", func(w *world) { w.leg(out, "GET /a 200") }, false},
		{"exchanges", func(w *world) { w.tie(w.leg(out, "GET /a 200"), 0, w.leg(peer, "GET /a 200"), 0) }, true},
		{"exchanges by a guess", func(w *world) { w.guess(w.leg(out, "GET /a 200"), 0, w.leg(peer, "GET /a 200"), 0) }, false},
		{"legs", func(w *world) { w.tie(w.leg(out), whole, w.leg(peer), whole) }, true},
		{"legs by a guess", func(w *world) { w.guess(w.leg(out), whole, w.leg(peer), whole) }, false},
		{"one of two", func(w *world) {
			a, b := w.leg(out, "GET /a 200", "GET /b 200"), w.leg(peer, "GET /a 200", "GET /b 200")
			w.guess(a, 0, b, 0)
			w.tie(a, 1, b, 1)
		}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := new(world)
			tc.make(w)
			if got := Trace(new(index.Index), w.legs, w.links)[0].Joined; got != tc.want {
				t.Errorf("joined %v, want %v", got, tc.want)
			}
		})
	}
}

// Of an exchange the line of the proxy nearest the client counts.
func TestLine(t *testing.T) {
	near, far := new(recorded.Line), new(recorded.Line)
	for _, tc := range []struct {
		name      string
		a, b      *recorded.Line
		ambiguous bool
		want      *recorded.Line
	}{
		{"none", nil, nil, false, nil},
		{"of the nearest", near, far, false, near},
		{"of the other", nil, far, false, far},
		{"of a guess", nil, far, true, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := new(world)
			a, b := w.leg(out, "GET /a 200"), w.leg(peer, "GET /a 200")
			a.Exchanges[0].Log, b.Exchanges[0].Log = tc.a, tc.b
			w.tie(a, 0, b, 0).Ambiguous = tc.ambiguous
			if got := Trace(new(index.Index), w.legs, w.links)[0].Line(0); got != tc.want {
				t.Errorf("line %p, want %p", got, tc.want)
			}
		})
	}
}

// A path has the ends of its client's leg, which may stand anywhere in it.
func TestPathEnds(t *testing.T) {
	w := new(world)
	b, a := w.leg(app), w.leg(in)
	w.tie(a, whole, b, whole)
	paths := Trace(new(index.Index), w.legs, w.links)
	if len(paths) != 1 || paths[0].ClientLeg != a || paths[0].Lead != 1 || paths[0].Client != client(1) || paths[0].Server != server(1) {
		t.Fatalf("paths %+v, want one from %v to %v", paths, client(1), server(1))
	}
	if got := Plain(paths); len(got) != 1 || got[0] != paths[0].Path {
		t.Errorf("told of %v, want %v", got, paths[0].Path)
	}
}

// Of the links between two legs the best tells of their join: one without rivals
// before one with, then the surer, then the first.
func TestJoins(t *testing.T) {
	link := func(confidence float64, ambiguous bool, detail string) graph.Link {
		return graph.Link{Confidence: confidence, Ambiguous: ambiguous, Proven: !ambiguous, Evidence: []flow.Evidence{{Detail: detail}}}
	}
	certain := func(confidence, legs float64, detail string) graph.Link {
		l := link(confidence, true, detail)
		l.Legs = legs
		return l
	}
	for _, tc := range []struct {
		name  string
		links []graph.Link
		want  string
	}{
		{"one", []graph.Link{link(0.5, false, "a")}, "a"},
		{"one guess", []graph.Link{link(0.5, true, "a")}, "a"},
		{"a surer one", []graph.Link{link(0.5, false, "a"), link(0.6, false, "b")}, "b"},
		{"one as sure", []graph.Link{link(0.5, false, "a"), link(0.5, false, "b")}, "a"},
		{"one less sure", []graph.Link{link(0.5, false, "a"), link(0.4, false, "b")}, "a"},
		{"a guess, then one without rivals", []graph.Link{link(0.9, true, "a"), link(0.1, false, "b")}, "b"},
		{"one without rivals, then a guess", []graph.Link{link(0.1, false, "a"), link(0.9, true, "b")}, "a"},
		{"a better guess", []graph.Link{link(0.5, true, "a"), link(0.6, true, "b")}, "b"},
		{"a guess as good", []graph.Link{link(0.5, true, "a"), link(0.5, true, "b")}, "a"},
		{"a worse guess", []graph.Link{link(0.5, true, "a"), link(0.4, true, "b")}, "a"},
		{"a guess of which the legs are certain", []graph.Link{link(0.5, true, "a"), certain(0.4, 0.99, "b"), link(0.6, true, "c")}, "b"},
		{"one without rivals, then certain legs", []graph.Link{link(0.95, false, "a"), certain(0.4, 0.99, "b")}, "b"},
		{"a surer one, then certain legs", []graph.Link{link(0.999, false, "a"), certain(0.4, 0.99, "b")}, "a"},
		{"certain legs, then a surer guess", []graph.Link{certain(0.4, 0.95, "a"), link(0.99, true, "b")}, "a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := new(world)
			a, b := w.leg(in), w.leg(app)
			var best graph.Link
			var links []*graph.Link
			for _, l := range tc.links {
				l.From, l.To = a, b
				links = append(links, &l)
				if l.Evidence[0].Detail == tc.want {
					best = l
				}
			}
			if best.Legs > 0 {
				best.Confidence, best.Ambiguous = best.Legs, false
			}
			want := []flow.Join{{From: 0, To: 1, Confidence: best.Confidence, Proven: best.Proven, Ambiguous: best.Ambiguous, Evidence: best.Evidence}}
			if diff := cmp.Diff(want, Joins(links)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Joins stand in the order of their legs, and rivals are other legs, each once.
func TestJoinsOrderAndRivals(t *testing.T) {
	w := new(world)
	for range 5 {
		w.leg(in)
	}
	w.tie(w.legs[1], whole, w.legs[2], whole)
	w.tie(w.legs[0], whole, w.legs[4], whole)
	w.guess(w.legs[0], whole, w.legs[3], whole).Rivals = []graph.Rival{{Leg: w.legs[4]}, {Leg: w.legs[3]}, {Leg: w.legs[2]}, {Leg: w.legs[4]}}
	sure := w.tie(w.legs[1], whole, w.legs[2], whole)
	sure.Confidence = 0.99
	var got []string
	for _, j := range Joins(w.links) {
		got = append(got, fmt.Sprint(j.From, j.To, j.Confidence, j.Rivals))
	}
	want := []string{"0 3 0.9 [2 4]", "0 4 0.9 []", "1 2 0.99 []"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
