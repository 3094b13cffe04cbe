package logged

import (
	"fmt"
	"slices"
	"sort"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// Join ties what lines of the proxy's access log name. The legs are named
// by their ends; which of a leg's exchanges a line is of, its order and times
// tell, and what it says of the request.
func Join(c *crossing.Crossing) {
	entries, inferred := entriesOf(c)
	named := customs(c)
	lost := strays(c, &named)
	if len(entries)+len(inferred)+len(lost) == 0 {
		return
	}
	turn.Outline(c, c.Down)
	turn.Outline(c, c.Up)
	c.Clients = c.ByContent(c.Down)
	placeOn(c, entries, downstream)
	placeOn(c, inOrder(c.Ledger, slices.Concat(entries, inferred, lost)), upstream)
	if c.Index.Stopped() {
		return
	}
	for _, e := range entries {
		e.settle()
	}
	believed := truthful(c, entries)
	for _, e := range index.Each(c.Index, believed) {
		take(c, e)
	}
	takeAlike(c, entries, believed, downstream)
	takeAlike(c, entries, believed, upstream)
	orphan(c, believed, lost, &named)
	inferClients(c, inferred)
	joinLoggedFailures(c, entries)
}

// entriesOf lists the lines whose client's leg is one of the crossing's, and those
// that name only the leg behind the proxy.
func entriesOf(c *crossing.Crossing) (entries, inferred []*logEntry) {
	down, up := make(map[*graph.Leg]bool), make(map[*graph.Leg]bool)
	for _, l := range c.Down {
		down[l] = true
	}
	for _, l := range c.Up {
		up[l] = true
	}
	for _, line := range c.Ledger.Lines {
		switch {
		case line.Down != nil && down[line.Down]:
			entries = append(entries, &logEntry{NamedLine: line, whole: line.Silent() && passes(c, line.Down, line.Up)})
		case line.Inferred() && up[line.Up]:
			inferred = append(inferred, &logEntry{NamedLine: line})
		}
	}
	return entries, inferred
}

// inferClients finds the client of lines that name its address at most, taken from
// a header, and not its connection: among the exchanges of that time by what they
// asked.
func inferClients(c *crossing.Crossing, entries []*logEntry) {
	if len(entries) == 0 {
		return
	}
	all := c.Open(graph.ExchangesOf(c.Down))
	var during crossing.Lane
	for i, d := range all {
		during.Add(i, d.Lasts())
	}
	for _, e := range entries {
		if len(e.ups) != 1 || c.Taken[e.ups[0]] {
			continue
		}
		u := e.ups[0]
		var ds []*graph.Exchange
		past := sort.Search(len(all), func(i int) bool { return all[i].Start() > u.KnownBy()+index.Causality })
		for k := past - 1; k >= 0 && during.Until[k] >= u.Start()-index.Causality; k-- {
			if d := all[k]; d.Lasts() >= u.Start()-index.Causality && mayCause(d, u) && e.fitsDown(d) && (!e.DownstreamLocal.IsValid() || d.Leg.Orig.Dst == e.DownstreamLocal) {
				ds = append(ds, d)
			}
		}
		if named := slices.DeleteFunc(slices.Clone(ds), func(d *graph.Exchange) bool { return !e.from(d) }); len(named) > 0 {
			ds = named
		}
		ds = slices.DeleteFunc(ds, func(d *graph.Exchange) bool { return c.Orphans[d] })
		if same := slices.DeleteFunc(slices.Clone(ds), func(d *graph.Exchange) bool { return !e.sameID(d) }); len(same) > 0 {
			ds = same
		} else if !c.Trust.Steady(u) {
			continue // the right one may not have been captured
		}
		if len(ds) == 1 {
			e.Down = ds[0].Leg
			takeExchange(c, e, ds[0], u)
		} else if len(ds) > 1 {
			c.LimitUp(u, ds)
		}
	}
}

// take ties what a line names, if that is one exchange on either side, or a leg
// whose exchanges are not told apart.
func take(c *crossing.Crossing, e *logEntry) {
	if e.tcp() && e.Up == nil && onlyAlike(e.NamedLine.Line, c.Down, e.Down) {
		e.Down.Log = e.Line
	}
	if e.Up == nil {
		if len(e.downs) == 1 {
			e.downs[0].Log = e.Line
		}
		return
	}
	if e.tcp() {
		takeWhole(c, e)
		return
	}
	d, knownDown := sole(e.downs, e.Down)
	u, knownUp := sole(e.ups, e.Up)
	switch {
	case knownDown && knownUp, d != nil && e.lostUp(c, d):
		takeExchange(c, e, d, u)
	case u != nil && len(e.downs) > 1:
		c.LimitUp(u, e.downs)
	case d != nil && len(e.ups) > 1:
		c.LimitDown(d, e.ups)
	}
}

// lostUp reports whether what d caused is on the leg that the line names, and was not
// captured: packets of that are missing, and no exchange that is left may be it.
func (e *logEntry) lostUp(c *crossing.Crossing, d *graph.Exchange) bool {
	hole, ok := e.Up.Hole(c.Index)
	return ok && len(e.ups) == 0 && hole.From <= d.End()+index.Causality && d.Start() <= hole.To+index.Causality &&
		!slices.ContainsFunc(told(e.Up), func(x *graph.Exchange) bool { return e.fitsUp(x) && mayCause(d, x) })
}

// sole returns the one exchange that a line is of, nil for a leg that cannot be
// read and on which it was not found; ok is false if it is not certain.
func sole(may []*graph.Exchange, l *graph.Leg) (x *graph.Exchange, ok bool) {
	switch {
	case len(may) == 1:
		return may[0], true
	case !l.Readable():
		return nil, true // the leg is certain
	}
	return nil, len(may) == 0 && len(l.Exchanges) == 0
}

// takeExchange ties two exchanges, or what stands for them.
func takeExchange(c *crossing.Crossing, e *logEntry, d, u *graph.Exchange) {
	if d != nil && c.Taken[d] || u != nil && c.Taken[u] || d == nil && u == nil && c.Linked(e.Down, e.Up) {
		return
	}
	if d != nil && u != nil && !mayCause(d, u) {
		if d.Outline == nil && u.Outline == nil {
			return
		}
		d, u = unhidden(d), unhidden(u) // what turns tell of a leg with holes may be wrong
	}
	tie(c, e, d, u)
	if d != nil {
		d.Log = e.Line
	} else if u != nil {
		u.Log = e.Line
	}
}

// tie adds the link that a line tells of.
func tie(c *crossing.Crossing, e *logEntry, d, u *graph.Exchange) {
	l := &graph.Link{From: e.Down, To: e.Up, Down: d, Up: u, Attempt: 1, Confidence: graph.SureProven, Proven: true, Evidence: []flow.Evidence{evidence(c, e.NamedLine, e.Up, d, u)}}
	c.Links = append(c.Links, l)
	for _, x := range [2]*graph.Exchange{d, u} {
		if x != nil {
			c.Taken[x], c.ByLog[x] = true, l
		}
	}
	if d == nil && e.Down.SpeaksHTTP2() { // of turns its other streams would be told from too few
		c.Busy[e.Down], c.Logged[e.Down] = true, true
	}
	if u == nil && e.Up.SpeaksHTTP2() {
		c.Busy[e.Up], c.Logged[e.Up] = true, true
	}
}

// unhidden returns an exchange that can be read, nil for others: the leg stands for
// those.
func unhidden(e *graph.Exchange) *graph.Exchange {
	if e.Outline != nil {
		return nil
	}
	return e
}

// mayCause reports whether u may have been sent on behalf of d. Where the handshake
// ends and the first message of an exchange that cannot be read begins may be
// uncertain; then only the ends count.
func mayCause(d, u *graph.Exchange) bool {
	if d.Outline == nil && u.Outline == nil {
		return crossing.Nests(d, u)
	}
	return d.Start() <= u.End()+index.Causality && u.Start() <= d.End()+index.Causality
}

// evidence is the evidence of a line for its leg and the leg up behind the proxy.
func evidence(c *crossing.Crossing, line *graph.NamedLine, up *graph.Leg, d, u *graph.Exchange) flow.Evidence {
	s := line.Source(c.Records.Files)
	return flow.Evidence{Kind: flow.AccessLog, Source: s, Detail: fmt.Sprintf("%s line %d: %s", s.File, s.Line, line.Ties()),
		Packets: []capture.Ref{c.Shows(line.Down, d), c.Shows(up, u)}}
}
