package pooled

import (
	"fmt"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/pool"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// A Strand says that two exchanges may belong together.
type Strand struct {
	Down, Up *graph.Exchange
	Certain  bool // that is known otherwise
}

// A Verdict is what the pools say of a strand.
type Verdict struct {
	Unlikely float64       // of one that breaks their rules: how likely it is all the same; 0 of others
	Sure     float64       // it is all that is left, and how likely that is right; 0 if it is not, or that is not known otherwise
	Evidence flow.Evidence // of one that is sure
}

// fewKnown is how few ties are too few to learn how often the rules are broken.
const fewKnown = 8

// Replay returns what the pools of a crossing say of each strand; nil if they say
// nothing.
func Replay(c *crossing.Crossing, strands []Strand) []Verdict {
	if slices.ContainsFunc(c.Up, (*graph.Leg).SpeaksHTTP2) {
		return nil
	}
	w := newWorld(c)
	if !w.enter(strands) {
		return nil
	}
	v := pool.Replay(&w.World)
	if v.Silent {
		return nil
	}
	out := make([]Verdict, len(strands))
	for k, i := range w.strand {
		out[i].Unlikely = v.Unlikely[k]
		if v.Decided[k] {
			out[i].Sure, out[i].Evidence = min(v.Sure[k], graph.SureProven), w.evidence(v, k)
		}
	}
	return out
}

// enter enters what may belong together, and what is tied already. It reports whether
// enough is certain to learn from, and something is not.
func (w *world) enter(strands []Strand) bool {
	known := 0
	for i, s := range strands {
		d, ok := w.requests[s.Down]
		if u, too := w.takings[s.Up]; ok && too {
			w.Strands = append(w.Strands, pool.Strand{Request: d, Taking: u, Certain: s.Certain})
			w.strand = append(w.strand, i)
			if s.Certain {
				known++
			}
		}
	}
	open := len(w.Strands) - known
	for _, l := range w.c.Links {
		d, ok := w.requests[l.Down]
		u, too := w.takings[l.Up]
		switch {
		case !ok || !too || l.Ambiguous:
		case l.Attempt > 1 || l.Copy:
			w.Takings[u].Apart = true
		default:
			w.Strands = append(w.Strands, pool.Strand{Request: d, Taking: u, Certain: true})
			known++
		}
	}
	return known >= fewKnown && open > 0
}

// evidence says why it is the turn of strand k, with the packets by which its connection
// and the one that would have been taken became idle.
func (w *world) evidence(v *pool.Verdict, k int) flow.Evidence {
	because := v.Because[k]
	e := flow.Evidence{Kind: flow.PoolOrder}
	held := fmt.Sprintf("as %d of %d before", v.Right, v.Right+v.Wrong)
	switch {
	case because.Rule == pool.LastIdle && because.Idle > 1:
		e.Detail = fmt.Sprintf("of %d idle connections of its worker this became idle last (%s)", because.Idle, held)
	case because.Rule == pool.NoneIdle:
		e.Detail = fmt.Sprintf("no connection of its worker was idle, and elsewhere one was (%s)", held)
	default:
		e.Detail = fmt.Sprintf("what else fits was taken by others, or is of another worker (%s)", held)
	}
	for _, u := range [2]int32{because.Own, because.Other} {
		if u >= 0 {
			e.Packets = append(e.Packets, lastPacket(w.asked[u]))
		}
	}
	return e
}

// lastPacket returns the last packet of an exchange.
func lastPacket(e *graph.Exchange) capture.Ref {
	if e.Resp != nil {
		return e.Resp.To.Ref
	}
	return e.Req.To.Ref
}
