package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/trace"
)

// A choice is the exchanges of a path whose bytes are written, and what is to be said of
// others.
type choice struct {
	exchanges []*graph.Exchange
	omitted   bool // some are not written
	notes     []string
}

// choose picks for each exchange of p the hop whose bytes are written. What is certainly
// of the path, though not which exchange of its client it is, is written once, in the
// order of time.
func (pl *Planner) choose(p *trace.Path) (c choice) {
	guessed := make(map[*graph.Exchange]bool)
	for i := range p.Exchanges {
		x := &p.Exchanges[i]
		switch e, g := pl.hop(p, i), guess(p, i); {
		case e != nil:
			c.exchanges = append(c.exchanges, e)
		case g != nil && !guessed[g]:
			c.exchanges, guessed[g] = append(c.exchanges, g), true
			c.note("exchange %d: in doubt which of this client's is %s %s", x.ID, g.Method(), g.Target())
		default:
			c.omitted = true
			c.note("left out: exchange %d: %s", x.ID, why(x, p.Steps[i]))
		}
	}
	if len(guessed) > 0 {
		slices.SortStableFunc(c.exchanges, func(a, b *graph.Exchange) int { return cmp.Compare(a.KnownBy(), b.KnownBy()) })
	}
	return c
}

func (c *choice) note(format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// hop returns of an exchange of p the readable one nearest the chosen end, failed attempts,
// copies and guesses left out.
func (pl *Planner) hop(p *trace.Path, no int) *graph.Exchange {
	var found *graph.Exchange
	hops := p.Exchanges[no].Hops
	idle := vain(hops)
	for i, s := range p.Steps[no] {
		if s.Ex == nil || s.Ex.Outline != nil || hops[i].Ambiguous || idle[i] {
			continue
		}
		if found == nil || pl.NearServer {
			found = s.Ex
		}
	}
	return found
}

// vain tells which hops led to no answer that the client got: attempts that others came
// after, copies, and what lies behind these.
func vain(hops []flow.Hop) []bool {
	out := make([]bool, len(hops))
	for i := range hops {
		out[i] = hops[i].Copy
		for k := i - 1; k >= 0 && !out[i]; k-- {
			if hops[k].Leg == hops[i].FromLeg {
				out[i] = out[k]
				break
			}
		}
		for k := i + 1; k < len(hops) && !out[i]; k++ {
			out[i] = i > 0 && hops[k].FromLeg == hops[i].FromLeg && !hops[k].Copy
		}
	}
	return out
}

// guess returns of an exchange of p the readable one that is its best guess, if it is
// certainly of p.
func guess(p *trace.Path, no int) *graph.Exchange {
	for _, s := range p.Steps[no] {
		if s.Link != nil && s.Link.Caused && s.Ex != nil && s.Ex.Outline == nil {
			return s.Ex
		}
	}
	return nil
}

// why says why an exchange is not written.
func why(x *flow.Exchange, steps []trace.Step) string {
	if !x.Ambiguous {
		return "not readable on any leg"
	}
	n, on := 0, ""
	for i, h := range x.Hops {
		n += len(h.Rivals)
		if l := steps[i].Link; h.Ambiguous && l != nil && l.Legs > 0 {
			on = fmt.Sprintf(" which of leg %d", h.Leg)
		}
	}
	return fmt.Sprintf("ambiguous%s, %d rivals", on, n)
}

// onlyLeg returns the leg whose exchanges are exactly the chosen ones, so that
// its real packets can be used.
func (c *choice) onlyLeg() *graph.Leg {
	chosen := c.exchanges
	if len(chosen) == 0 || c.omitted || len(chosen) != len(chosen[0].Leg.Exchanges) {
		return nil
	}
	for i, e := range chosen {
		if e.Leg != chosen[0].Leg || e.No != i {
			return nil
		}
	}
	return chosen[0].Leg
}
