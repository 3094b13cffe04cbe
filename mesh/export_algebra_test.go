package mesh

// A Linker is what Decide has before it joins legs.
type Linker struct {
	x      *index
	legs   []*Leg
	roster *roster
}

// NewLinker goes back to where legs are not joined yet.
func NewLinker(r *Result) *Linker { return (&Linker{x: r.x}).Again() }

// Again returns a Linker for the same captures.
func (l *Linker) Again() *Linker {
	l = &Linker{x: l.x, legs: makeLegs(l.x, bind(l.x))}
	l.roster = newRoster(l.x, l.legs, Istio())
	l.roster.assign(l.legs)
	for _, g := range l.legs {
		g.exchanges = pairExchanges(l.x, g)
	}
	return l
}

// Link joins the legs and returns how many links there are, and how many of
// them are not ambiguous.
func (l *Linker) Link() (all, sure int) {
	links := joinLegs(l.x, l.legs, l.roster)
	for _, k := range links {
		if !k.ambiguous {
			sure++
		}
	}
	return len(links), sure
}
