package truth

import (
	"fmt"
	"slices"
)

// Check reports the first thing in which the truth contradicts itself.
func (t *Truth) Check() error {
	if len(t.Files) == 0 || len(t.Legs) == 0 || len(t.Conversations) == 0 {
		return fmt.Errorf("truth %s: %d files, %d legs, %d conversations", t.Scenario, len(t.Files), len(t.Legs), len(t.Conversations))
	}
	for _, check := range []func() error{t.checkLegs, t.checkLinks, t.checkConversations, t.checkLookups} {
		if err := check(); err != nil {
			return fmt.Errorf("truth %s: %w", t.Scenario, err)
		}
	}
	return nil
}

func (t *Truth) checkLegs() error {
	for _, l := range t.Legs {
		if l.HalfFlow != (l.ReplySrc != l.OrigDst) {
			return fmt.Errorf("leg %s: half-flow %v, but dialled %s and answered by %s", l.ID, l.HalfFlow, l.OrigDst, l.ReplySrc)
		}
		unanswered := l.Exchanges == 1 // one may be
		if l.Sent != nil && l.Exchanges > 0 && (l.Sent.Bytes == 0 || l.Received.Bytes == 0 && !unanswered) {
			return fmt.Errorf("leg %s: %d exchanges without bytes", l.ID, l.Exchanges)
		}
	}
	return nil
}

// checkLinks wants every exchange of a server-side leg served once and every
// exchange of a client-side leg passed on.
func (t *Truth) checkLinks() error {
	from, to := map[string][]int{}, map[string][]int{}
	for _, l := range t.Links {
		if _, ok := t.Leg(l.From); !ok {
			return fmt.Errorf("link from unknown leg %q", l.From)
		}
		if _, ok := t.Leg(l.To); !ok {
			return fmt.Errorf("link to unknown leg %q", l.To)
		}
		from[l.From] = append(from[l.From], l.FromExchange)
		to[l.To] = append(to[l.To], l.ToExchange)
	}
	for _, l := range t.Legs {
		if err := l.checkOrder(from[l.ID], to[l.ID]); err != nil {
			return err
		}
	}
	return nil
}

func (l *Leg) checkOrder(from, to []int) error {
	slices.Sort(from)
	from = slices.Compact(from) // several attempts
	for _, side := range []struct {
		name string
		x    []int
	}{{"from", from}, {"to", to}} {
		slices.Sort(side.x)
		if len(side.x) == 0 || side.x[0] == -1 && len(side.x) == 1 {
			continue
		}
		for i, x := range side.x {
			if x != i {
				return fmt.Errorf("leg %s (%s): exchanges linked %s it: %v", l.ID, l.Role, side.name, side.x)
			}
		}
		if len(side.x) != l.Exchanges {
			return fmt.Errorf("leg %s (%s): %d exchanges, but %d linked %s it", l.ID, l.Role, l.Exchanges, len(side.x), side.name)
		}
	}
	return nil
}

func (t *Truth) checkConversations() error {
	seen := map[string]bool{}
	for _, c := range t.Conversations {
		for _, id := range c.Legs {
			if _, ok := t.Leg(id); !ok {
				return fmt.Errorf("conversation of %s with unknown leg %q", c.Client, id)
			}
			seen[id] = true
		}
	}
	for _, l := range t.Legs {
		if !seen[l.ID] {
			return fmt.Errorf("leg %s is in no conversation", l.ID)
		}
	}
	return nil
}

// checkLookups wants the application's lookups redirected and what the agent
// passed on to be one of these.
func (t *Truth) checkLookups() error {
	for i, l := range t.Lookups {
		if (l.Role == "app") != (l.Server != l.AnsweredBy) {
			return fmt.Errorf("lookup %d (%s): asked %s, answered by %s", i, l.Role, l.Server, l.AnsweredBy)
		}
		if u := l.UpstreamOf; u != nil && (*u >= len(t.Lookups) || t.Lookups[*u].Role != "app" || t.Lookups[*u].Name != l.Name) {
			return fmt.Errorf("lookup %d (%s) is upstream of %d", i, l.Name, *u)
		}
	}
	return nil
}
