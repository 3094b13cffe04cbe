package trace

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// Between two proxies lies a leg that nobody can read, of which each pod's log names the
// connection only. What went into it and what came out is one exchange if a request id
// says so that nothing else has; else what came out has a path of its own.
func TestPassHidden(t *testing.T) {
	hidden := func(w *world) *graph.Leg {
		l := w.leg(flow.RoleProxyProxy)
		l.Protocol, l.OrigBytes = flow.ProtocolTLS, 1
		return l
	}
	for _, tc := range []traced{
		{"one id on either side", func(w *world) {
			a, m, b := w.leg(out, "GET /a 200 x", "GET /b 200 y"), hidden(w), w.leg(app, "GET /b 200 y", "GET /a 200 x")
			w.tie(a, 0, m, whole)
			w.tie(a, 1, m, whole)
			w.tie(m, whole, b, 0)
			w.tie(m, whole, b, 1)
		}, []string{"outbound 0,1,2 joined complete: GET /a 200 proven 0 1 2: GET /b 200 proven 0 1 2"}},
		{"an id that the proxy gave", func(w *world) {
			a, m, b := w.leg(out, "GET /a 200"), hidden(w), w.leg(app, "GET /a 200 x")
			a.Exchanges[0].Log = &recorded.Line{RequestID: "x"}
			w.tie(a, 0, m, whole)
			w.tie(m, whole, b, 0)
		}, []string{"outbound 0,1,2 joined complete: GET /a 200 proven 0 1 2"}},
		{"the same id twice", func(w *world) {
			a, m, b := w.leg(out, "GET /a 200 x", "GET /b 200 y"), hidden(w), w.leg(app, "GET /b 200 y", "GET /b 200 y")
			w.tie(a, 0, m, whole)
			w.tie(a, 1, m, whole)
			w.tie(m, whole, b, 0)
			w.tie(m, whole, b, 1)
		}, []string{"outbound 0,1 joined complete: GET /a 200 proven 0 1: GET /b 200 proven 0 1", "inbound 1,2 joined complete: GET /b 200 proven 1 2: GET /b 200 proven 1 2"}},
		{"no id", func(w *world) {
			a, m, b := w.leg(out, "GET /a 200"), hidden(w), w.leg(app, "GET /a 200")
			w.tie(a, 0, m, whole)
			w.tie(m, whole, b, 0)
		}, []string{"outbound 0,1 joined complete: GET /a 200 proven 0 1", "inbound 1,2 joined complete: GET /a 200 proven 1 2"}},
		{"another that only one side shows", func(w *world) {
			a, m, b := w.leg(out, "GET /a 200 x"), hidden(w), w.leg(app, "GET /a 200 x", "GET /b 200 y")
			w.tie(a, 0, m, whole)
			w.tie(m, whole, b, 0)
			w.tie(m, whole, b, 1)
		}, []string{"outbound 0,1,2 joined complete: GET /a 200 proven 0 1 2", "inbound 1,2 joined complete: GET /b 200 proven 1 2"}},
		{"a guess leads nowhere", func(w *world) {
			a, m, b := w.leg(out, "GET /a 200 x"), hidden(w), w.leg(app, "GET /a 200 x")
			w.tie(a, 0, m, whole)
			w.guess(m, whole, b, 0)
		}, []string{"outbound 0,1 joined complete: GET /a 200 proven 0 1", "inbound 2: GET /a 200 2"}},
	} {
		tc.run(t)
	}
}
