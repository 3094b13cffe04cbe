package trace

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// A hop says what its link says, where its messages are and when they went by.
func TestHops(t *testing.T) {
	evidence := []flow.Evidence{{Kind: flow.SameBytes, Detail: "bodies equal"}}
	first := func(leg int) flow.Hop {
		return flow.Hop{Leg: leg, FromLeg: -1, Attempt: 1, Confidence: 1, Proven: true}
	}
	// timed adds what is known of the k-th exchange of a leg.
	timed := func(h flow.Hop, k int) flow.Hop {
		begin, off := at(h.Leg, k), int64(k)
		h.Request, h.Response = [2]int64{100 * off, 100*off + 50}, [2]int64{200 * off, 200*off + 60}
		h.RequestStart, h.RequestEnd, h.ResponseStart, h.ResponseEnd = capture.Time(begin+1), capture.Time(begin+2), capture.Time(begin+3), capture.Time(begin+4)
		return h
	}
	plain := func(h flow.Hop) flow.Hop {
		h.Decrypted, h.PlainRequest, h.PlainResponse = true, h.Request, h.Response
		return h
	}
	second := flow.Hop{Leg: 1, FromLeg: 0, Attempt: 2, Confidence: 0.7, Proven: true, Evidence: evidence}
	for _, tc := range []struct {
		name string
		make func(a, b *graph.Leg, l *graph.Link)
		want []flow.Hop
	}{
		{"as captured", func(a, b *graph.Leg, l *graph.Link) {}, []flow.Hop{timed(first(0), 0), timed(second, 1)}},
		{"no request", func(a, b *graph.Leg, l *graph.Link) { b.Exchanges[1].Req = nil }, []flow.Hop{timed(first(0), 0), func() flow.Hop {
			h := timed(second, 1)
			h.Request, h.RequestStart, h.RequestEnd = [2]int64{}, 0, 0
			return h
		}()}},
		{"no response", func(a, b *graph.Leg, l *graph.Link) { a.Exchanges[0].Resp = nil }, []flow.Hop{func() flow.Hop {
			h := timed(first(0), 0)
			h.Response, h.ResponseStart, h.ResponseEnd = [2]int64{}, 0, 0
			return h
		}(), timed(second, 1)}},
		{"decrypted", func(a, b *graph.Leg, l *graph.Link) { b.Decrypted = true }, []flow.Hop{timed(first(0), 0), plain(timed(second, 1))}},
		{"a connection that came to nothing", func(a, b *graph.Leg, l *graph.Link) { l.Up = nil }, []flow.Hop{timed(first(0), 0), func() flow.Hop {
			h := second
			h.RequestStart, h.ResponseEnd = capture.Time(at(1, 0)), capture.Time(at(1, 3))
			return h
		}()}},
		{"a connection on which it was not found", func(a, b *graph.Leg, l *graph.Link) { l.Up, b.OrigBytes = nil, 1 }, []flow.Hop{timed(first(0), 0), second}},
		{"a connection that only answered", func(a, b *graph.Leg, l *graph.Link) { l.Up, b.ReplyBytes = nil, 1 }, []flow.Hop{timed(first(0), 0), second}},
		{"a connection of which all bytes are missing", func(a, b *graph.Leg, l *graph.Link) { l.Up, b.ReplyMissing = nil, 1 }, []flow.Hop{timed(first(0), 0), second}},
		{"behind a leg that cannot be read", func(a, b *graph.Leg, l *graph.Link) { l.Down, a.Exchanges = nil, nil }, []flow.Hop{first(0), timed(second, 1)}},
		{"with rivals", func(a, b *graph.Leg, l *graph.Link) {
			l.Ambiguous, l.Proven = true, false
			l.Rivals = []graph.Rival{{Leg: b, Ex: &b.Exchanges[0]}, {Leg: a}}
		}, []flow.Hop{timed(first(0), 0), func() flow.Hop {
			h := timed(second, 1)
			h.Ambiguous, h.Proven = true, false
			h.Rivals = []flow.Rival{{Leg: 1, Request: [2]int64{0, 50}}, {Leg: 0}}
			return h
		}()}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := new(world)
			a, b := w.leg(out, "GET /a 200"), w.leg(peer, "GET /b 200", "GET /a 200")
			l := w.tie(a, 0, b, 1)
			l.Attempt, l.Confidence, l.Evidence = 2, 0.7, evidence
			tc.make(a, b, l)
			p := Trace(new(index.Index), w.legs, w.links)[0]
			if diff := cmp.Diff(tc.want, p.Exchanges[0].Hops); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			steps := p.Steps[0]
			if len(steps) != 2 || steps[0].Link != nil || steps[1].Link != l || steps[1].Ex != l.Up || steps[0].Ex != l.Down {
				t.Errorf("steps %+v, want those of %+v", steps, l)
			}
		})
	}
}
