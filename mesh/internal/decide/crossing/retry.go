package crossing

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// JoinRetries ties the attempts of one exchange: upstream exchanges that carry
// its request id one after another.
func (c *Crossing) JoinRetries() {
	down := newShelf(graph.ExchangesOf(c.Down))
	groups := make(map[*graph.Exchange][]*graph.Exchange)
	for _, u := range graph.ExchangesOf(c.Up) {
		if ds := down.sameID(u); len(ds) == 1 && requestLine(ds[0]) == requestLine(u) {
			groups[ds[0]] = append(groups[ds[0]], u)
		}
	}
	for _, d := range down.all {
		us := groups[d]
		if len(us) < 2 || !sequential(us) || !failed(us[:len(us)-1]) || !graph.Final(d, us[len(us)-1]) || c.contested(d, us) {
			continue
		}
		for i, u := range us {
			r := Compare(d, u)
			if !c.Taken[u] {
				c.Add(&graph.Link{From: d.Leg, To: u.Leg, Down: d, Up: u, Attempt: i + 1,
					Confidence: graph.SureProven, Proven: true, Evidence: explain(d, u, &r, true)})
			}
		}
		c.CountAttempts(d)
	}
}

// contested reports whether some of us is tied to another exchange than d.
func (c *Crossing) contested(d *graph.Exchange, us []*graph.Exchange) bool {
	tied := 0
	for _, l := range c.Links {
		if l.Up != nil && slices.Contains(us, l.Up) {
			if l.Down != d {
				return true
			}
			tied++
		}
	}
	held := 0
	for _, u := range us {
		if c.Taken[u] {
			held++
		}
	}
	return held > tied
}

// sequential reports whether each exchange was over before the next began.
func sequential(us []*graph.Exchange) bool {
	for i, u := range us[1:] {
		if us[i].Resp == nil || us[i].Resp.From.Nanos > u.Start()+index.Causality {
			return false
		}
	}
	return true
}

// failed reports whether a proxy may have tried again after each of us: what succeeded
// it passes on.
func failed(us []*graph.Exchange) bool {
	return !slices.ContainsFunc(us, func(u *graph.Exchange) bool { return u.KnowsStatus() && u.Resp.Status < 400 })
}

// CountAttempts numbers the attempts of d in the order of time.
func (c *Crossing) CountAttempts(d *graph.Exchange) {
	if d == nil {
		return
	}
	var ls []*graph.Link
	for _, l := range c.Links {
		if l.Down == d && !l.Ambiguous && !l.Copy {
			ls = append(ls, l)
		}
	}
	slices.SortStableFunc(ls, func(a, b *graph.Link) int { return cmp.Compare(a.Began(), b.Began()) })
	for i, l := range ls {
		l.Attempt = i + 1
	}
}
