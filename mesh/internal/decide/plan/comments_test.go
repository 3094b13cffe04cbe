package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// What stands in comments of every leg: here of the two of most tests.
const (
	leg0 = "pcapmesh: leg 0 app-proxy on eth0: a.pcapng packet 1, 10.0.0.0:40000 > 10.0.1.0:80"
	leg1 = "pcapmesh: leg 1 proxy-server on eth0: a.pcapng packet 9, 10.0.0.1:40000 > 10.0.1.1:80"
)

func because(kind flow.EvidenceKind, detail string) []flow.Evidence {
	return []flow.Evidence{{Kind: kind, Detail: detail}, {Kind: flow.OnlyCandidate, Detail: "and that"}}
}

// Comments say of each leg where it was seen and how it is tied, what the proxy logged
// of failures, and what was left out.
func TestComments(t *testing.T) {
	one := func(w *world) { w.talk("/a"); w.talk("/a") }
	two := func(w *world) { w.talk("/a", "/b"); w.talk("/a") }
	for _, tc := range []struct {
		name string
		talk func(w *world)
		link func(w *world)
		near bool
		want []string
	}{
		{"alone", one, func(w *world) {}, false, []string{leg0}},
		{"tied, without evidence", one, func(w *world) { w.tie(0, 0, 1, 0) }, false, []string{leg0, leg1}},
		{"tied", one, func(w *world) { w.tie(0, 0, 1, 0).Evidence = because(flow.RequestID, "id x") }, false,
			[]string{leg0, leg1 + ", joined to leg 0 by request-id (id x), confidence 0.900"}},
		{"tied as a whole", func(w *world) { w.say("hello!!"); w.say("hello!!") }, func(w *world) {
			w.tie(0, whole, 1, whole).Evidence = because(flow.SameBytes, "equal")
		}, false, []string{leg0, strings.Replace(leg1, "packet 9", "packet 8", 1) + ", joined to leg 0 by same-bytes (equal), confidence 0.900"}},
		{"a guess", one, func(w *world) { w.guess(0, 0, 1, 0, 3).Evidence = because(flow.TurnAlgebra, "lengths") }, false,
			[]string{leg0, leg1 + ", ambiguous with 3 rivals, best guess to leg 0 by turn-algebra (lengths), confidence 0.900"}},
		{"a guess of one of the leg's", one, func(w *world) {
			l := w.guess(0, 0, 1, 0, 3)
			l.Evidence, l.Legs = because(flow.TurnAlgebra, "lengths"), 0.99
		}, false, []string{leg0, leg1 + ", joined to leg 0 by turn-algebra, confidence 0.990; in doubt by which of its exchanges: best guess lengths"}},
		{"facts of the leg", one, func(w *world) {
			w.legs[0].Decrypted, w.legs[0].LostHeaders, w.legs[0].Notes = true, true, []string{"torn", "worn"}
		}, false, []string{leg0 + ", decrypted, header fields that refer to a lost table unknown", "pcapmesh: leg 0: torn", "pcapmesh: leg 0: worn"}},
		{"left out: not readable", two, func(w *world) { w.outline(0); w.tie(0, 0, 1, 0) }, false,
			[]string{leg0, strings.Replace(leg1, "packet 9", "packet 11", 1), "pcapmesh: left out: exchange 1: not readable on any leg"}},
		{"left out: ambiguous", one, func(w *world) { w.outline(0); w.guess(0, 0, 1, 0, 2) }, false,
			[]string{leg0, leg1, "pcapmesh: left out: exchange 0: ambiguous, 2 rivals"}},
		{"left out: which of a leg's", one, func(w *world) { w.outline(0); w.guess(0, 0, 1, 0, 2).Legs = 0.99 }, false,
			[]string{leg0, leg1, "pcapmesh: left out: exchange 0: ambiguous which of leg 1, 2 rivals"}},
		{"in doubt: which of the client's", one, func(w *world) { w.outline(0); w.guess(0, 0, 1, 0, 2).Caused = true }, false,
			[]string{leg0, leg1, "pcapmesh: exchange 0: in doubt which of this client's is GET /a"}},
		{"HTTP/1.1 among HTTP/2", func(w *world) { w.talk("/a", "/b"); w.mux("/a"); w.talk("/b") }, func(w *world) {
			w.tie(0, 0, 1, 0)
			w.tie(0, 1, 2, 0)
		}, true, []string{leg0, strings.Replace(leg1, "packet 9", "packet 11", 1),
			"pcapmesh: leg 2 direct on eth0: a.pcapng packet 22, 10.0.0.2:40000 > 10.0.1.2:80",
			"pcapmesh: HTTP/2 written anew, with a preface, settings, header tables and stream numbers of its own",
			"pcapmesh: exchanges that were read as HTTP/1.1 are re-encoded as HTTP/2"}},
		{"HTTP/2 as HTTP/1.1", func(w *world) { w.mux("/a"); w.talk("/a") }, func(w *world) { w.tie(0, 0, 1, 0) }, true,
			[]string{leg0, strings.Replace(leg1, "packet 9", "packet 12", 1),
				"pcapmesh: h2→1.1: the client spoke HTTP/2; its exchanges as HTTP/1.1, one after the other"}},
		{"HTTP/1.1 as HTTP/2", func(w *world) { w.mux("/a", "/b"); w.atOnce("/a", "/b") }, func(w *world) { w.tie(0, 0, 1, 0); w.tie(0, 1, 2, 0) }, true,
			[]string{leg0, "pcapmesh: leg 1 proxy-server on eth0: a.pcapng packet 14, 10.0.0.1:40000 > 10.0.1.1:80",
				"pcapmesh: leg 2 direct on eth0: a.pcapng packet 17, 10.0.0.2:40000 > 10.0.1.2:80",
				"pcapmesh: HTTP/2 written anew, with a preface, settings, header tables and stream numbers of its own",
				"pcapmesh: 1.1→h2: read as HTTP/1.1 behind the proxy; re-encoded as HTTP/2, since exchanges of the client overlapped"}},
		{"a failure", two, func(w *world) {
			w.legs[0].Exchanges[0].Log = &recorded.Line{Flags: []string{"UF", "URX"}, CodeDetails: "details", Failure: "reset"}
			w.legs[0].Exchanges[1].Log = &recorded.Line{Flags: []string{"UC"}, Failure: "reset"}
		}, false, []string{leg0, "pcapmesh: exchange 0: response flags UF,URX, details", "pcapmesh: exchange 1: response flags UC, reset"}},
		{"a failure without details", two, func(w *world) {
			w.legs[0].Exchanges[0].Log = &recorded.Line{CodeDetails: "via_upstream"}
			w.legs[0].Exchanges[1].Log = &recorded.Line{Flags: []string{"NR"}}
		}, false, []string{leg0, "pcapmesh: exchange 1: response flags NR, no details"}},
		{"a connection that failed", one, func(w *world) {
			w.legs[0].Log = &recorded.Line{Flags: []string{"UF"}, Failure: "reset", Termination: "ended"}
		}, false,
			[]string{leg0, "pcapmesh: response flags UF, reset"}},
		{"a connection that was ended", one, func(w *world) { w.legs[0].Log = &recorded.Line{Flags: []string{"DC"}, Termination: "ended"} }, false,
			[]string{leg0, "pcapmesh: response flags DC, ended"}},
		{"a connection that failed without details", one, func(w *world) { w.legs[0].Log = &recorded.Line{Flags: []string{"DC", "UC"}} }, false,
			[]string{leg0, "pcapmesh: response flags DC,UC, no details"}},
		{"a connection that did not fail", one, func(w *world) { w.legs[0].Log = new(recorded.Line) }, false, []string{leg0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := new(world)
			tc.talk(w)
			w.read(t)
			for i, r := range []flow.Role{flow.RoleAppProxy, flow.RoleProxyServer, flow.RoleDirect}[:len(w.legs)] {
				w.legs[i].Role = r
			}
			tc.link(w)
			pl, cs := w.plan(tc.near)
			if diff := cmp.Diff(tc.want, pl.Comments(cs[0])); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Of several ties of one leg the best is told: one without rivals, then the surest,
// then the first; ties of the leg as a whole come before those of exchanges.
func TestBestTie(t *testing.T) {
	type tie struct {
		detail     string
		confidence float64
		ambiguous  bool
	}
	for _, tc := range []struct {
		name string
		ties []tie
		want string
	}{
		{"the surer one", []tie{{"a", 0.5, false}, {"b", 0.6, false}}, "(b), confidence 0.600"},
		{"the first", []tie{{"a", 0.5, false}, {"b", 0.5, false}}, "(a), confidence 0.500"},
		{"one without rivals", []tie{{"a", 0.9, true}, {"b", 0.5, false}}, "(b), confidence 0.500"},
		{"one without rivals, before others", []tie{{"a", 0.5, false}, {"b", 0.9, true}}, "(a), confidence 0.500"},
		{"the better guess", []tie{{"a", 0.5, true}, {"b", 0.6, true}}, "(b), confidence 0.600"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := new(world)
			w.talk("/a", "/b")
			w.talk("/a", "/b")
			w.talk("/c")
			w.read(t)
			w.tie(0, whole, 2, whole).Evidence = because(flow.SameBytes, "of another leg")
			for i, k := range tc.ties {
				l := w.tie(0, i, 1, i)
				l.Confidence, l.Ambiguous, l.Evidence = k.confidence, k.ambiguous, because(flow.RequestID, k.detail)
			}
			pl, cs := w.plan(false)
			var got string
			for _, s := range pl.Comments(cs[0]) {
				if strings.HasPrefix(s, "pcapmesh: leg 1 ") {
					got = s
				}
			}
			if !strings.HasSuffix(got, tc.want) {
				t.Errorf("comment %q, want one that ends in %q", got, tc.want)
			}
		})
	}
}

// In the view of legs only the leg is told of.
func TestCommentsOfLegs(t *testing.T) {
	w := new(world)
	w.talk("/a")
	w.talk("/a")
	w.read(t)
	w.legs[0].Role = flow.RoleAppProxy
	w.legs[0].Log = &recorded.Line{Flags: []string{"UF"}}
	w.links = append(w.links, &graph.Link{From: w.legs[1], To: w.legs[0], Evidence: because(flow.RequestID, "id x")})
	pl := w.planner(false)
	if diff := cmp.Diff([]string{leg0}, pl.Comments(pl.LegConversations()[0])); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
