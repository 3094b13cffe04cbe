package mesh

import (
	"fmt"
	"slices"
	"sort"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// joinLogged ties what lines of the proxy's access log name. The legs are named
// by their ends; which of a leg's exchanges a line is of, its order and times
// tell, and what it says of the request.
func joinLogged(c *crossing) {
	entries, inferred := loggedEntries(c)
	if len(entries)+len(inferred) == 0 {
		return
	}
	unveil(c, c.down)
	unveil(c, c.up)
	c.clients = c.byContent(c.down)
	placeEntries(c, entries, c.down, func(e *logEntry) **graph.Leg { return &e.Down }, func(e *logEntry) *[]*graph.Exchange { return &e.downs }, (*logEntry).fitsDown)
	placeEntries(c, slices.Concat(entries, inferred), c.up, func(e *logEntry) **graph.Leg { return &e.Up }, func(e *logEntry) *[]*graph.Exchange { return &e.ups }, (*logEntry).fitsUp)
	for _, e := range entries {
		e.settle()
	}
	for _, e := range truthful(c, entries) {
		take(c, e)
	}
	inferClients(c, inferred)
	joinLoggedFailures(c, entries)
}

// loggedEntries lists the lines whose client's leg is one of the crossing's, and those
// that name only the leg behind the proxy.
func loggedEntries(c *crossing) (entries, inferred []*logEntry) {
	down, up := make(map[*graph.Leg]bool), make(map[*graph.Leg]bool)
	for _, l := range c.down {
		down[l] = true
	}
	for _, l := range c.up {
		up[l] = true
	}
	for _, line := range c.ledger.Lines {
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
func inferClients(c *crossing, entries []*logEntry) {
	if len(entries) == 0 {
		return
	}
	all := c.open(graph.ExchangesOf(c.down))
	var during lane
	for i, d := range all {
		during.add(i, d.Lasts())
	}
	for _, e := range entries {
		if len(e.ups) != 1 || c.taken[e.ups[0]] {
			continue
		}
		u := e.ups[0]
		var ds []*graph.Exchange
		past := sort.Search(len(all), func(i int) bool { return all[i].Start() > u.KnownBy()+index.Causality })
		for k := past - 1; k >= 0 && during.until[k] >= u.Start()-index.Causality; k-- {
			if d := all[k]; d.Lasts() >= u.Start()-index.Causality && mayCause(d, u) && e.fitsDown(d) && (!e.DownstreamLocal.IsValid() || d.Leg.Orig.Dst == e.DownstreamLocal) {
				ds = append(ds, d)
			}
		}
		if named := slices.DeleteFunc(slices.Clone(ds), func(d *graph.Exchange) bool { return !e.from(d) }); len(named) > 0 {
			ds = named
		}
		if same := slices.DeleteFunc(slices.Clone(ds), func(d *graph.Exchange) bool { return !e.sameID(d) }); len(same) > 0 {
			ds = same
		} else if !c.trust.complete(u) {
			continue // the right one may not have been captured
		}
		if len(ds) == 1 {
			e.Down = ds[0].Leg
			takeExchange(c, e, ds[0], u)
		} else if len(ds) > 1 {
			c.limitUp(u, ds)
		}
	}
}

// take ties what a line names, if that is one exchange on either side, or a leg
// whose exchanges are not told apart.
func take(c *crossing, e *logEntry) {
	if e.TCP() && e.Up == nil && onlyAlike(e.NamedLine.Line, c.down, e.Down) {
		e.Down.Log = e.Line
	}
	if e.Up == nil {
		if len(e.downs) == 1 {
			e.downs[0].Log = e.Line
		}
		return
	}
	if e.TCP() {
		takeWhole(c, e)
		return
	}
	d, knownDown := sole(e.downs, e.Down)
	u, knownUp := sole(e.ups, e.Up)
	switch {
	case knownDown && knownUp:
		takeExchange(c, e, d, u)
	case u != nil && len(e.downs) > 1:
		c.limitUp(u, e.downs)
	case d != nil && len(e.ups) > 1:
		c.limitDown(d, e.ups)
	}
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
func takeExchange(c *crossing, e *logEntry, d, u *graph.Exchange) {
	if d != nil && c.taken[d] || u != nil && c.taken[u] || d == nil && u == nil && c.linked(e.Down, e.Up) {
		return
	}
	if d != nil && u != nil && !mayCause(d, u) {
		if d.Outline == nil && u.Outline == nil {
			return
		}
		d, u = unhidden(d), unhidden(u) // what turns tell of a leg with holes may be wrong
	}
	l := &graph.Link{From: e.Down, To: e.Up, Down: d, Up: u, Attempt: 1, Confidence: graph.SureProven, Proven: true, Evidence: []flow.Evidence{lineEvidence(c, e.NamedLine, e.Up, d, u)}}
	c.links = append(c.links, l)
	for _, x := range [2]*graph.Exchange{d, u} {
		if x != nil {
			c.taken[x], c.byLog[x] = true, l
		}
	}
	if d == nil && e.Down.SpeaksHTTP2() { // its other streams would be told from too few
		c.busy[e.Down] = true
	}
	if u == nil && e.Up.SpeaksHTTP2() {
		c.busy[e.Up] = true
	}
	if d != nil {
		d.Log = e.Line
	} else if u != nil {
		u.Log = e.Line
	}
}

// refine takes over which exchange of a leg that cannot be read turn algebra
// believes to be the one that a log ties to that leg.
func (c *crossing) refine(l *graph.Link) {
	if l.Ambiguous {
		return
	}
	if k := c.byLog[l.Up]; k != nil && k.Down == nil && k.From == l.From && !c.taken[l.Down] {
		k.Down, k.Evidence = l.Down, append(k.Evidence, l.Evidence...)
		c.taken[l.Down], c.byLog[l.Down] = true, k
	}
	if k := c.byLog[l.Down]; k != nil && k.Up == nil && k.To == l.To && !c.taken[l.Up] {
		k.Up, k.Evidence = l.Up, append(k.Evidence, l.Evidence...)
		c.taken[l.Up], c.byLog[l.Up] = true, k
	}
}

// barred tells whether a log ties d or u to something else.
func (c *crossing) barred(d, u *graph.Exchange) bool {
	if k := c.byLog[d]; k != nil && (k.To != u.Leg || k.Up != nil && k.Up != u) {
		return true
	}
	k := c.byLog[u]
	return k != nil && (k.From != d.Leg || k.Down != nil && k.Down != d)
}

// openOrTied filters out exchanges that have a link but for those that a log ties,
// other than to streams of HTTP/2, of which turns tell nothing: from them turn
// algebra learns.
func (c *crossing) openOrTied(es []*graph.Exchange) []*graph.Exchange {
	return slices.DeleteFunc(es, func(e *graph.Exchange) bool {
		k := c.byLog[e]
		return c.taken[e] && (k == nil || k.Down == nil && k.From.SpeaksHTTP2() || k.Up == nil && k.To.SpeaksHTTP2())
	})
}

// unhidden returns an exchange that can be read, nil for others: the leg stands for
// those.
func unhidden(e *graph.Exchange) *graph.Exchange {
	if e.Outline != nil {
		return nil
	}
	return e
}

// mayCause tells whether u may have been sent on behalf of d. Where the handshake
// ends and the first message of an exchange that cannot be read begins may be
// uncertain; then only the ends count.
func mayCause(d, u *graph.Exchange) bool {
	if d.Outline == nil && u.Outline == nil {
		return nests(d, u)
	}
	return d.Start() <= u.End()+index.Causality && u.Start() <= d.End()+index.Causality
}

// linked tells whether two legs are tied already.
func (c *crossing) linked(from, to *graph.Leg) bool {
	return slices.ContainsFunc(c.links, func(l *graph.Link) bool { return l.From == from && l.To == to })
}

// lineEvidence is the evidence of a line for its leg and the leg up behind the proxy.
func lineEvidence(c *crossing, line *graph.NamedLine, up *graph.Leg, d, u *graph.Exchange) flow.Evidence {
	s := line.Source(c.records.Files)
	return flow.Evidence{Kind: flow.AccessLog, Source: s, Detail: fmt.Sprintf("%s line %d: %s", s.File, s.Line, line.Ties()),
		Packets: []capture.Ref{c.shows(line.Down, d), c.shows(up, u)}}
}

// shows returns the packet that shows an exchange, or a leg.
func (c *crossing) shows(l *graph.Leg, e *graph.Exchange) capture.Ref {
	if e != nil {
		return e.Ref()
	}
	return c.x.Half(l.Conn.Lead()).First
}

// limitUp says that u belongs to one of the given exchanges, limitDown that what
// d caused is among them.
func (c *crossing) limitUp(u *graph.Exchange, to []*graph.Exchange)   { c.limits[u] = to }
func (c *crossing) limitDown(d *graph.Exchange, to []*graph.Exchange) { c.limits[d] = to }

// allowed tells whether a log lets d and u belong together.
func (c *crossing) allowed(d, u *graph.Exchange) bool {
	fits := func(a, b *graph.Exchange) bool {
		to, ok := c.limits[a]
		return !ok || slices.Contains(to, b)
	}
	return fits(d, u) && fits(u, d)
}
