package mesh

import (
	"fmt"
	"slices"
	"sort"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
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
	placeEntries(c, entries, c.down, func(e *logEntry) **workLeg { return &e.down }, func(e *logEntry) *[]*exchange { return &e.downs }, (*logEntry).fitsDown)
	placeEntries(c, slices.Concat(entries, inferred), c.up, func(e *logEntry) **workLeg { return &e.up }, func(e *logEntry) *[]*exchange { return &e.ups }, (*logEntry).fitsUp)
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
	down, up := make(map[*workLeg]bool), make(map[*workLeg]bool)
	for _, l := range c.down {
		down[l] = true
	}
	for _, l := range c.up {
		up[l] = true
	}
	for _, line := range c.ledger.lines {
		switch {
		case line.down != nil && down[line.down]:
			entries = append(entries, &logEntry{namedLine: line, whole: line.Silent() && passes(c, line.down, line.up)})
		case line.inferred() && up[line.up]:
			inferred = append(inferred, &logEntry{namedLine: line})
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
	all := c.open(exchangesOf(c.down))
	var during lane
	for i, d := range all {
		during.add(i, d.lasts())
	}
	for _, e := range entries {
		if len(e.ups) != 1 || c.taken[e.ups[0]] {
			continue
		}
		u := e.ups[0]
		var ds []*exchange
		past := sort.Search(len(all), func(i int) bool { return all[i].start() > u.begun()+index.Causality })
		for k := past - 1; k >= 0 && during.until[k] >= u.start()-index.Causality; k-- {
			if d := all[k]; d.lasts() >= u.start()-index.Causality && mayCause(d, u) && e.fitsDown(d) && (!e.DownstreamLocal.IsValid() || d.leg.Orig.Dst == e.DownstreamLocal) {
				ds = append(ds, d)
			}
		}
		if named := slices.DeleteFunc(slices.Clone(ds), func(d *exchange) bool { return !e.from(d) }); len(named) > 0 {
			ds = named
		}
		if same := slices.DeleteFunc(slices.Clone(ds), func(d *exchange) bool { return !e.sameID(d) }); len(same) > 0 {
			ds = same
		} else if !c.trust.complete(u) {
			continue // the right one may not have been captured
		}
		if len(ds) == 1 {
			e.down = ds[0].leg
			takeExchange(c, e, ds[0], u)
		} else if len(ds) > 1 {
			c.limitUp(u, ds)
		}
	}
}

// take ties what a line names, if that is one exchange on either side, or a leg
// whose exchanges are not told apart.
func take(c *crossing, e *logEntry) {
	if e.TCP() && e.up == nil && onlyAlike(e.namedLine.Line, c.down, e.down) {
		e.down.log = e.Line
	}
	if e.up == nil {
		if len(e.downs) == 1 {
			e.downs[0].log = e.Line
		}
		return
	}
	if e.TCP() {
		takeWhole(c, e)
		return
	}
	d, knownDown := sole(e.downs, e.down)
	u, knownUp := sole(e.ups, e.up)
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
func sole(may []*exchange, l *workLeg) (x *exchange, ok bool) {
	switch {
	case len(may) == 1:
		return may[0], true
	case !l.readable():
		return nil, true // the leg is certain
	}
	return nil, len(may) == 0 && len(l.exchanges) == 0
}

// takeExchange ties two exchanges, or what stands for them.
func takeExchange(c *crossing, e *logEntry, d, u *exchange) {
	if d != nil && c.taken[d] || u != nil && c.taken[u] || d == nil && u == nil && c.linked(e.down, e.up) {
		return
	}
	if d != nil && u != nil && !mayCause(d, u) {
		if d.hidden == nil && u.hidden == nil {
			return
		}
		d, u = unhidden(d), unhidden(u) // what turns tell of a leg with holes may be wrong
	}
	l := &link{from: e.down, to: e.up, down: d, up: u, attempt: 1, confidence: sureProven, proven: true, evidence: []flow.Evidence{lineEvidence(c, e.namedLine, e.up, d, u)}}
	c.links = append(c.links, l)
	for _, x := range [2]*exchange{d, u} {
		if x != nil {
			c.taken[x], c.byLog[x] = true, l
		}
	}
	if d == nil && e.down.speaksHTTP2() { // its other streams would be told from too few
		c.busy[e.down] = true
	}
	if u == nil && e.up.speaksHTTP2() {
		c.busy[e.up] = true
	}
	if d != nil {
		d.log = e.Line
	} else if u != nil {
		u.log = e.Line
	}
}

// refine takes over which exchange of a leg that cannot be read turn algebra
// believes to be the one that a log ties to that leg.
func (c *crossing) refine(l *link) {
	if l.ambiguous {
		return
	}
	if k := c.byLog[l.up]; k != nil && k.down == nil && k.from == l.from && !c.taken[l.down] {
		k.down, k.evidence = l.down, append(k.evidence, l.evidence...)
		c.taken[l.down], c.byLog[l.down] = true, k
	}
	if k := c.byLog[l.down]; k != nil && k.up == nil && k.to == l.to && !c.taken[l.up] {
		k.up, k.evidence = l.up, append(k.evidence, l.evidence...)
		c.taken[l.up], c.byLog[l.up] = true, k
	}
}

// barred tells whether a log ties d or u to something else.
func (c *crossing) barred(d, u *exchange) bool {
	if k := c.byLog[d]; k != nil && (k.to != u.leg || k.up != nil && k.up != u) {
		return true
	}
	k := c.byLog[u]
	return k != nil && (k.from != d.leg || k.down != nil && k.down != d)
}

// openOrTied filters out exchanges that have a link but for those that a log ties,
// other than to streams of HTTP/2, of which turns tell nothing: from them turn
// algebra learns.
func (c *crossing) openOrTied(es []*exchange) []*exchange {
	return slices.DeleteFunc(es, func(e *exchange) bool {
		k := c.byLog[e]
		return c.taken[e] && (k == nil || k.down == nil && k.from.speaksHTTP2() || k.up == nil && k.to.speaksHTTP2())
	})
}

// unhidden returns an exchange that can be read, nil for others: the leg stands for
// those.
func unhidden(e *exchange) *exchange {
	if e.hidden != nil {
		return nil
	}
	return e
}

// mayCause tells whether u may have been sent on behalf of d. Where the handshake
// ends and the first message of an exchange that cannot be read begins may be
// uncertain; then only the ends count.
func mayCause(d, u *exchange) bool {
	if d.hidden == nil && u.hidden == nil {
		return nests(d, u)
	}
	return d.start() <= u.end()+index.Causality && u.start() <= d.end()+index.Causality
}

// linked tells whether two legs are tied already.
func (c *crossing) linked(from, to *workLeg) bool {
	return slices.ContainsFunc(c.links, func(l *link) bool { return l.from == from && l.to == to })
}

// lineEvidence is the evidence of a line for its leg and the leg up behind the proxy.
func lineEvidence(c *crossing, line *namedLine, up *workLeg, d, u *exchange) flow.Evidence {
	s := line.Source(c.records.Files)
	return flow.Evidence{Kind: flow.AccessLog, Source: s, Detail: fmt.Sprintf("%s line %d: %s", s.File, s.Line, line.Ties()),
		Packets: []capture.Ref{c.shows(line.down, d), c.shows(up, u)}}
}

// shows returns the packet that shows an exchange, or a leg.
func (c *crossing) shows(l *workLeg, e *exchange) capture.Ref {
	if e != nil {
		return e.ref()
	}
	return c.x.Half(l.conn.Lead()).First
}

// limitUp says that u belongs to one of the given exchanges, limitDown that what
// d caused is among them.
func (c *crossing) limitUp(u *exchange, to []*exchange)   { c.limits[u] = to }
func (c *crossing) limitDown(d *exchange, to []*exchange) { c.limits[d] = to }

// allowed tells whether a log lets d and u belong together.
func (c *crossing) allowed(d, u *exchange) bool {
	fits := func(a, b *exchange) bool {
		to, ok := c.limits[a]
		return !ok || slices.Contains(to, b)
	}
	return fits(d, u) && fits(u, d)
}
