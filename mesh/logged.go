package mesh

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/fingerprint"
)

// An entry is a log line and the exchanges it may be of, on either side of the
// proxy. Where the exchanges of a leg cannot be read, or not be told apart, the
// leg stands for them.
type logEntry struct {
	*logLine
	downs, ups []*exchange // the likeliest first
}

// joinLogged ties what lines of the proxy's access log name. The legs are named
// by their ends; which of a leg's exchanges a line is of, its order and times
// tell, and what it says of the request.
func (c *crossing) joinLogged() {
	entries, inferred := c.entries()
	if len(entries)+len(inferred) == 0 {
		return
	}
	c.unveil(c.down)
	c.unveil(c.up)
	c.place(entries, c.down, func(e *logEntry) **Leg { return &e.down }, func(e *logEntry) *[]*exchange { return &e.downs }, (*logEntry).fitsDown)
	c.place(slices.Concat(entries, inferred), c.up, func(e *logEntry) **Leg { return &e.up }, func(e *logEntry) *[]*exchange { return &e.ups }, (*logEntry).fitsUp)
	for _, e := range entries {
		e.settle()
	}
	for _, e := range c.truthful(entries) {
		c.take(e)
	}
	c.inferClients(inferred)
	c.joinLoggedFailures(entries)
}

// entries lists the lines whose client's leg is one of the crossing's, and those
// that name only the leg behind the proxy.
func (c *crossing) entries() (entries, inferred []*logEntry) {
	down, up := make(map[*Leg]bool), make(map[*Leg]bool)
	for _, l := range c.down {
		down[l] = true
	}
	for _, l := range c.up {
		up[l] = true
	}
	for _, line := range c.records.ledger.lines {
		switch {
		case line.down != nil && down[line.down]:
			line.whole = line.whole || line.silent() && c.passes(line.down, line.up)
			entries = append(entries, &logEntry{logLine: line})
		case line.inferred() && up[line.up]:
			inferred = append(inferred, &logEntry{logLine: line})
		}
	}
	return entries, inferred
}

// silent tells whether nothing in the line says that it is of an exchange: its format
// may have no such field.
func (l *logLine) silent() bool { return l.Method == "" && l.Path == "" && l.Status == 0 }

// passes tells whether the proxy forwards d as bytes: neither leg has an exchange, or
// one TLS connection goes through both.
func (c *crossing) passes(d, u *Leg) bool {
	if u == nil {
		return false
	}
	return len(told(d)) == 0 && len(told(u)) == 0 || d.Protocol == "tls" && u.Protocol == "tls" && c.sameStream(d, u)
}

// inferClients finds the client of lines that name its address at most, taken from
// a header, and not its connection: among the exchanges of that time by what they
// asked.
func (c *crossing) inferClients(entries []*logEntry) {
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
		past := sort.Search(len(all), func(i int) bool { return all[i].start() > u.begun()+causality })
		for k := past - 1; k >= 0 && during.until[k] >= u.start()-causality; k-- {
			if d := all[k]; d.lasts() >= u.start()-causality && mayCause(d, u) && e.fitsDown(d) && (!e.DownstreamLocal.IsValid() || d.leg.Orig.Dst == e.DownstreamLocal) {
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
			c.takeExchange(e, ds[0], u)
		} else if len(ds) > 1 {
			c.limitUp(u, ds)
		}
	}
}

// from tells whether d is of the client whose address the line has.
func (e *logEntry) from(d *exchange) bool {
	client := e.DownstreamRemote.Addr()
	if d.leg.Orig.Src.Addr() == client {
		return true
	}
	if d.req == nil || d.req.forwarded.Len() == 0 {
		return false
	}
	for s := range strings.SplitSeq(d.scan.text.String(d.req.forwarded), ",") {
		if isAddr(s, client) {
			return true
		}
	}
	return false
}

// fitsDown tells whether the line may be of exchange x of the client's leg: what
// it says of the request is what the client sent.
func (e *logEntry) fitsDown(x *exchange) bool {
	if !e.overlaps(x) {
		return false
	}
	if x.hidden != nil {
		return e.roomIn(x)
	}
	if x.req != nil && x.req.hasLine() && e.Method != "" && (x.method() != e.Method || !samePath(e.Path, x.target())) {
		return false
	}
	return !x.knowsStatus() || e.Status == 0 || x.status() == e.Status
}

// fitsUp tells the same of the leg behind the proxy, which may have changed the
// request's target but not its id, unless the attempt is one that failed.
func (e *logEntry) fitsUp(x *exchange) bool {
	if !e.overlaps(x) {
		return false
	}
	if x.hidden != nil {
		return e.roomIn(x)
	}
	if id := x.id(); id != "" && e.RequestID != "" && id != e.RequestID {
		return false
	}
	if x.req != nil && x.req.hasLine() && e.Method != "" && x.method() != e.Method {
		return false
	}
	return !x.knowsStatus() || e.Status == 0 || x.status() == e.Status
}

func (e *logEntry) sameID(x *exchange) bool { return e.RequestID != "" && x.id() == e.RequestID }

// overlaps tells whether the line may be of the exchange, by time. Its beginning
// may be earlier than the request, if the proxy counts from when it began to wait;
// then its end may be early too. It may be later, if the proxy was busy.
func (e *logEntry) overlaps(x *exchange) bool {
	if e.Start == 0 {
		return true
	}
	late := x.end()
	if x.resp != nil {
		late = x.resp.from.nanos
	}
	end, ok := e.ends()
	return e.Start <= late+logSlack && (!ok || end+e.Resolution+logSlack >= x.start())
}

// distance returns how far apart the times of the line and of the exchange are:
// both beginnings and both ends.
func (e *logEntry) distance(x *exchange) int64 {
	if e.Start == 0 {
		return 0
	}
	far := func(a, b int64) int64 { return max(a-b-e.Resolution, b-a-e.Resolution, 0) }
	d := far(e.Start, x.begun())
	if end, ok := e.ends(); ok {
		d += far(end, x.end())
	}
	return d
}

// apart returns how far apart the beginnings of the line and of the exchange are, or
// the ends, if these are nearer: an exchange may wait for a connection, and an
// answer for its reader.
func (e *logEntry) apart(x *exchange) int64 {
	if e.Start == 0 {
		return 0
	}
	far := func(a, b int64) int64 { return max(a-b-e.Resolution, b-a-e.Resolution, 0) }
	d := far(e.Start, x.begun())
	if end, ok := e.ends(); ok {
		d = min(d, far(end, x.end()))
	}
	return d
}

// roomIn tells whether the messages of an exchange that cannot be read are long
// enough for the bodies that the line counts.
func (e *logEntry) roomIn(x *exchange) bool {
	room := func(n sizes, body int64) bool {
		return len(n) == 0 || slices.ContainsFunc(n, func(k int64) bool { return k >= body })
	}
	return room(x.hidden.req, e.BytesReceived) && room(x.hidden.resp, e.BytesSent)
}

// samePath tells whether a logged path is that of a request target, which may
// be in absolute form (RFC 9112 §3.2.2). Formats may leave the query out.
func samePath(path, target string) bool {
	if path == "" || path == target {
		return true
	}
	if _, rest, ok := strings.Cut(target, "://"); ok {
		target = "/"
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			target = rest[i:]
		}
	}
	bare, _, _ := strings.Cut(target, "?")
	return path == target || path == bare
}

// settle leaves of the exchanges that the line may be of those that go together:
// cause before effect.
func (e *logEntry) settle() {
	if len(e.downs) == 0 || len(e.ups) == 0 {
		return
	}
	e.downs = slices.DeleteFunc(slices.Clone(e.downs), func(d *exchange) bool {
		return len(e.downs) > 1 && !slices.ContainsFunc(e.ups, func(u *exchange) bool { return mayCause(d, u) })
	})
	with := func(may func(d, u *exchange) bool) []*exchange {
		return slices.DeleteFunc(slices.Clone(e.ups), func(u *exchange) bool {
			return !slices.ContainsFunc(e.downs, func(d *exchange) bool { return may(d, u) })
		})
	}
	if len(e.ups) > 1 {
		e.ups = with(mayCause)
	}
	if last := with(final); len(last) > 0 { // the line names the last attempt
		e.ups = last
	}
}

// take ties what a line names, if that is one exchange on either side, or a leg
// whose exchanges are not told apart.
func (c *crossing) take(e *logEntry) {
	if e.TCP() && e.up == nil && e.only(c.down, e.down) {
		e.down.log = e.logLine
	}
	if e.up == nil {
		if len(e.downs) == 1 {
			e.downs[0].log = e.logLine
		}
		return
	}
	if e.TCP() {
		c.takeWhole(e)
		return
	}
	d, knownDown := sole(e.downs, e.down)
	u, knownUp := sole(e.ups, e.up)
	switch {
	case knownDown && knownUp:
		c.takeExchange(e, d, u)
	case u != nil && len(e.downs) > 1:
		c.limitUp(u, e.downs)
	case d != nil && len(e.ups) > 1:
		c.limitDown(d, e.ups)
	}
}

// sole returns the one exchange that a line is of, nil for a leg that cannot be
// read and on which it was not found; ok is false if it is not certain.
func sole(may []*exchange, l *Leg) (x *exchange, ok bool) {
	switch {
	case len(may) == 1:
		return may[0], true
	case !l.readable():
		return nil, true // the leg is certain
	}
	return nil, len(may) == 0 && len(l.exchanges) == 0
}

// takeExchange ties two exchanges, or what stands for them.
func (c *crossing) takeExchange(e *logEntry, d, u *exchange) {
	if d != nil && c.taken[d] || u != nil && c.taken[u] || d == nil && u == nil && c.linked(e.down, e.up) {
		return
	}
	if d != nil && u != nil && !mayCause(d, u) {
		if d.hidden == nil && u.hidden == nil {
			return
		}
		d, u = unhidden(d), unhidden(u) // what turns tell of a leg with holes may be wrong
	}
	l := &link{from: e.down, to: e.up, down: d, up: u, attempt: 1, confidence: sureProven, proven: true, evidence: []Evidence{c.logged(e.logLine, e.up, d, u)}}
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
		d.log = e.logLine
	} else if u != nil {
		u.log = e.logLine
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
	return d.start() <= u.end()+causality && u.start() <= d.end()+causality
}

// takeWhole ties two connections that the proxy forwards as bytes: of those with
// the ends that the line names, the only two that go together at its time.
func (c *crossing) takeWhole(e *logEntry) {
	var pairs [][2]*Leg
	for _, d := range e.alike(c.down, e.down) {
		for _, u := range e.alike(c.up, e.up) {
			if !c.busy[d] && !c.busy[u] && legNests(c.x, d, u) && !c.others(d, u) {
				pairs = append(pairs, [2]*Leg{d, u})
			}
		}
	}
	if len(pairs) > 1 {
		pairs = e.nearest(pairs)
	}
	switch {
	case len(pairs) == 1:
		e.down, e.up = pairs[0][0], pairs[0][1]
		e.down.log = e.logLine
		c.add(&link{from: e.down, to: e.up, attempt: 1, confidence: sureProven, proven: true, evidence: []Evidence{c.logged(e.logLine, e.up, nil, nil)}})
	case len(pairs) == 0 && !c.busy[e.down] && !c.busy[e.up] && e.only(c.down, e.down) && e.only(c.up, e.up):
		c.contradict(e.logLine)
	}
}

// others tells whether two legs carry streams that differ where both can be read, or
// where neither can and another client's is that of u.
func (c *crossing) others(d, u *Leg) bool {
	if !d.readable() && d.Protocol == u.Protocol {
		return c.another(d, u)
	}
	return d.readable() && u.readable() && !d.empty() && !u.empty() && compareLegs(c.x, d, u).verdict == fingerprint.Different
}

// another tells whether u carries the stream of another client than d.
func (c *crossing) another(d, u *Leg) bool {
	if c.clients == nil {
		c.clients = c.byContent(c.down)
	}
	of, known := c.content(u)
	own, ownKnown := c.content(d)
	if !known || !ownKnown || own == of || of[0].Len < minMark {
		return false
	}
	return slices.ContainsFunc(c.clients[of], func(l *Leg) bool { return legNests(c.x, l, u) })
}

// alike lists the legs with the ends of l that were there at the time of the line.
func (l *logLine) alike(legs []*Leg, like *Leg) []*Leg {
	var out []*Leg
	for _, o := range legs {
		if o.Orig == like.Orig && l.during(o) {
			out = append(out, o)
		}
	}
	return out
}

// only tells whether l is the only leg with its ends.
func (l *logLine) only(legs []*Leg, leg *Leg) bool { return len(l.alike(legs, leg)) == 1 }

// nearest returns the pair whose client's leg began when the line says, if no other
// is nearly as near.
func (l *logLine) nearest(pairs [][2]*Leg) [][2]*Leg {
	far := func(p [2]*Leg) int64 { return max(l.Start-p[0].Start-l.Resolution, p[0].Start-l.Start-l.Resolution, 0) }
	slices.SortStableFunc(pairs, func(a, b [2]*Leg) int { return cmp.Compare(far(a), far(b)) })
	if l.Start == 0 || far(pairs[1]) <= doubtTimes*far(pairs[0])+doubtNanos {
		return nil
	}
	return pairs[:1]
}

// linked tells whether two legs are tied already.
func (c *crossing) linked(from, to *Leg) bool {
	return slices.ContainsFunc(c.links, func(l *link) bool { return l.from == from && l.to == to })
}

// logged is the evidence of a line for its leg and the leg up behind the proxy.
func (c *crossing) logged(line *logLine, up *Leg, d, u *exchange) Evidence {
	s := line.source(c.records.files)
	return Evidence{Kind: AccessLog, Source: s, Detail: fmt.Sprintf("%s line %d: %s", s.File, s.Line, line.ties()),
		Packets: []capture.Ref{c.shows(line.down, d), c.shows(up, u)}}
}

// ties says which ends the line names.
func (l *logLine) ties() string {
	return fmt.Sprintf("%s → %s, then %s → %s", orDash(l.DownstreamRemote), orDash(l.DownstreamLocal), orDash(l.UpstreamLocal), orDash(l.UpstreamHost))
}

// orDash prints an address as a log does.
func orDash(a netip.AddrPort) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}

// shows returns the packet that shows an exchange, or a leg.
func (c *crossing) shows(l *Leg, e *exchange) capture.Ref {
	if e != nil {
		return e.ref()
	}
	return c.x.half(l.conn.lead()).First
}

// contradict notes that a line ties two legs that cannot be cause and effect.
func (c *crossing) contradict(line *logLine) {
	packets := tooEarly(line.down.Start, line.up.Start)
	if c.others(line.down, line.up) {
		packets = "their contents differ"
	}
	c.contradictBy(line, nil, nil, packets)
}

// tooEarly says what times have against cause and effect.
func tooEarly(down, up int64) string {
	if early := down - up; early > 0 {
		return fmt.Sprintf("behind the proxy it began %.3f ms earlier than its cause", float64(early)/1e6)
	}
	return "what followed does not enclose in time what is behind the proxy"
}

// contradictBy notes that a line ties what the packets say does not go together.
func (c *crossing) contradictBy(line *logLine, d, u *exchange, packets string) {
	c.records.conflicts = append(c.records.conflicts, Conflict{Source: line.source(c.records.files), Leg: line.down.ID,
		Says: line.ties(), Packets: packets, Shown: []capture.Ref{c.shows(line.down, d), c.shows(line.up, u)}})
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

// joinLoggedFailures ties upstream connections that were refused to the exchange
// or connection whose line tells of the failure: the only one that was waiting
// for that server then.
func (c *crossing) joinLoggedFailures(entries []*logEntry) {
	for _, u := range c.up {
		if !u.empty() || c.busy[u] || !u.refused(c.x) {
			continue
		}
		var found []*logEntry
		for _, e := range entries {
			if e.failedOn(u) {
				found = append(found, e)
			}
		}
		if len(found) != 1 {
			continue
		}
		e := found[0]
		var d *exchange
		if len(e.downs) == 1 {
			d = e.downs[0]
		}
		if d == nil && !e.TCP() {
			continue
		}
		c.add(&link{from: e.down, to: u, down: d, attempt: 1, confidence: sureProven, proven: true, evidence: []Evidence{c.logged(e.logLine, u, d, nil)}})
		c.countAttempts(d)
	}
}

// failedOn tells whether the line is of an exchange or a connection that may
// have failed on the refused leg u.
func (e *logEntry) failedOn(u *Leg) bool {
	switch {
	case e.UpstreamLocal.IsValid() && e.UpstreamLocal.Port() != 0:
		return e.up == u
	case e.UpstreamHost.IsValid() && e.UpstreamHost != u.Orig.Dst, !e.failed():
		return false
	case len(e.downs) == 1:
		d := e.downs[0]
		return d.start() <= u.Start+causality && (d.resp == nil || u.End <= d.resp.from.nanos+causality)
	}
	return e.down.Start <= u.Start+causality && u.Start <= e.down.End+causality && e.during(u)
}

// failed tells whether the line is of something that failed upstream at least
// once.
func (l *logLine) failed() bool {
	return l.HasFlag("UF") || l.HasFlag("URX") || l.HasFlag("UC") || l.Attempts > 1 || l.Failure != ""
}

// countAttempts numbers the attempts of d in the order of time.
func (c *crossing) countAttempts(d *exchange) {
	if d == nil {
		return
	}
	var ls []*link
	for _, l := range c.links {
		if l.down == d && !l.ambiguous {
			ls = append(ls, l)
		}
	}
	slices.SortStableFunc(ls, func(a, b *link) int { return cmp.Compare(a.began(), b.began()) })
	for i, l := range ls {
		l.attempt = i + 1
	}
}

// began returns when what the link leads to began.
func (l *link) began() int64 {
	if l.up != nil {
		return l.up.begun()
	}
	return l.to.Start
}
