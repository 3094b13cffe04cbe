package crossing

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// Reconsider takes back of ambiguous links what passes after them refuted: whole legs
// of which something else is tied, and best guesses that are somebody else's. There the
// first rival that is left becomes the guess.
func (c *Crossing) Reconsider() {
	tied := make(map[*graph.Leg]bool)
	for _, l := range c.Links {
		if !l.Ambiguous {
			tied[l.From], tied[l.To] = true, true
		}
	}
	c.Links = slices.DeleteFunc(c.Links, func(l *graph.Link) bool {
		switch {
		case !l.Ambiguous:
			return false
		case l.Down == nil && l.Up == nil:
			return tied[l.From] || tied[l.To]
		case l.Down != nil && c.Taken[l.Down]:
			return true
		}
		return c.Taken[l.Up] && !c.guessAgain(l)
	})
}

// guessAgain makes a rival the best guess of a link whose own is somebody else's. It
// reports whether there is one.
func (c *Crossing) guessAgain(l *graph.Link) bool {
	i := slices.IndexFunc(l.Rivals, func(r graph.Rival) bool {
		return r.Ex != nil && !c.Taken[r.Ex] && slices.Contains(c.Up, r.Leg) // rivals may be clients
	})
	if i < 0 {
		return false
	}
	l.To, l.Up = l.Rivals[i].Leg, l.Rivals[i].Ex
	l.Rivals = slices.Delete(l.Rivals, i, i+1)
	l.Rivals = slices.DeleteFunc(l.Rivals, func(r graph.Rival) bool { return r.Ex != nil && c.Taken[r.Ex] })
	l.Confidence = 1 / float64(max(len(l.Rivals), 1)+1)
	if l.Down != nil && !graph.IsHidden(l.Down) && !graph.IsHidden(l.Up) {
		like := Compare(l.Down, l.Up)
		l.Evidence = explain(l.Down, l.Up, &like, true)
	}
	return true
}

// NameRivals names for ambiguous links to which nothing else fits what else wants their
// guess: that is what makes it one.
func (c *Crossing) NameRivals() {
	type end struct {
		leg *graph.Leg
		ex  *graph.Exchange
	}
	wanted := make(map[end][]*graph.Link)
	for _, l := range c.Links {
		if !l.Ambiguous {
			continue
		}
		wanted[end{l.To, l.Up}] = append(wanted[end{l.To, l.Up}], l)
		for _, r := range l.Rivals {
			wanted[end{r.Leg, r.Ex}] = append(wanted[end{r.Leg, r.Ex}], l)
		}
	}
	for _, l := range c.Links {
		if !l.Ambiguous || len(l.Rivals) > 0 {
			continue
		}
		for _, o := range wanted[end{l.To, l.Up}] {
			if o != l && len(l.Rivals) < MaxRivals {
				l.Rivals = append(l.Rivals, graph.Rival{Leg: o.From, Ex: o.Down})
			}
		}
	}
}
