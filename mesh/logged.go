package mesh

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture"
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
	entries := c.entries()
	if len(entries) == 0 {
		return
	}
	c.unveil(c.down)
	c.unveil(c.up)
	for _, es := range entriesBy(entries, func(e *logEntry) *Leg { return e.down }) {
		c.place(es, es[0].down, (*logEntry).fitsDown, func(e *logEntry, xs []*exchange) { e.downs = xs })
	}
	for _, es := range entriesBy(entries, func(e *logEntry) *Leg { return e.up }) {
		c.place(es, es[0].up, (*logEntry).fitsUp, func(e *logEntry, xs []*exchange) { e.ups = xs })
	}
	for _, e := range entries {
		e.settle()
	}
	for _, e := range entries {
		c.take(e)
	}
	c.joinLoggedFailures(entries)
}

// entries lists the lines whose client's leg is one of the crossing's.
func (c *crossing) entries() []*logEntry {
	if c.records.ledger == nil {
		return nil
	}
	down := make(map[*Leg]bool)
	for _, l := range c.down {
		down[l] = true
	}
	var entries []*logEntry
	for _, line := range c.records.ledger.lines {
		if line.down != nil && down[line.down] {
			entries = append(entries, &logEntry{logLine: line})
		}
	}
	return entries
}

// entriesBy groups entries by one of their legs, in the order of the legs' first
// entries. Those without the leg are left out.
func entriesBy(entries []*logEntry, of func(*logEntry) *Leg) [][]*logEntry {
	at := make(map[*Leg]int)
	var groups [][]*logEntry
	for _, e := range entries {
		l := of(e)
		if l == nil {
			continue
		}
		i, ok := at[l]
		if !ok {
			i = len(groups)
			at[l] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], e)
	}
	return groups
}

// place finds out which exchanges of leg l the entries are of.
func (c *crossing) place(entries []*logEntry, l *Leg, fits func(*logEntry, *exchange) bool, tell func(*logEntry, []*exchange)) {
	xs := c.told(l)
	entries = slices.DeleteFunc(slices.Clone(entries), func(e *logEntry) bool { return e.TCP() })
	if len(xs) == 0 || len(entries) == 0 {
		return
	}
	slices.SortStableFunc(entries, func(a, b *logEntry) int { return cmp.Compare(a.Start, b.Start) })
	if l.multiplexed() {
		placeStreams(entries, xs, fits, tell)
		return
	}
	a := align(len(entries), len(xs), func(i, j int) bool { return fits(entries[i], xs[j]) },
		func(i, j int) int64 { return entries[i].distance(xs[j]) })
	for i, e := range entries {
		switch {
		case a.of[i] < 0:
		case a.sure[i]:
			tell(e, []*exchange{xs[a.of[i]]})
		default:
			may := []*exchange{xs[a.of[i]]}
			for _, j := range a.may[i] {
				if j != a.of[i] {
					may = append(may, xs[j])
				}
			}
			tell(e, may)
		}
	}
}

// told lists the exchanges of a leg, those of an encrypted one as turns tell
// them.
func (c *crossing) told(l *Leg) []*exchange {
	list := l.exchanges
	if len(list) == 0 && !l.speaksHTTP2() {
		list = l.hidden
	}
	xs := make([]*exchange, len(list))
	for i := range list {
		xs[i] = &list[i]
	}
	return xs
}

// placeStreams does so for a leg whose exchanges go on at once: an entry is of
// an exchange if no other assignment of as many is possible.
func placeStreams(entries []*logEntry, xs []*exchange, fits func(*logEntry, *exchange) bool, tell func(*logEntry, []*exchange)) {
	may := make([][]int, len(entries))
	for i, e := range entries {
		for j, x := range xs {
			if fits(e, x) {
				may[i] = append(may[i], j)
			}
		}
		slices.SortStableFunc(may[i], func(j, k int) int { return cmp.Compare(e.distance(xs[j]), e.distance(xs[k])) })
		if k := len(may[i]); k > 1 && e.sameID(xs[may[i][0]]) {
			may[i] = slices.DeleteFunc(may[i], func(j int) bool { return !e.sameID(xs[j]) })
		}
	}
	a := assign(len(xs), may)
	for i, e := range entries {
		switch {
		case a.ofUp[i] < 0:
		case a.forced[i]:
			tell(e, []*exchange{xs[a.ofUp[i]]})
		default:
			var left []*exchange
			for _, j := range may[i] {
				left = append(left, xs[j])
			}
			tell(e, left)
		}
	}
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

// overlaps tells whether the line's time and that of the exchange have something
// in common. Its beginning may be earlier than the request, if the proxy counts
// from when it began to wait, and later, if it was busy, but not after the answer.
func (e *logEntry) overlaps(x *exchange) bool {
	if e.Start == 0 {
		return true
	}
	late := x.end()
	if x.resp != nil {
		late = x.resp.from.nanos
	}
	end, ok := e.ends()
	return e.Start <= late+logSlack && (!ok || end+e.Resolution >= x.start()-causality)
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
	pairs := func(d, u *exchange) bool { return nests(d, u) }
	e.downs = slices.DeleteFunc(slices.Clone(e.downs), func(d *exchange) bool {
		return len(e.downs) > 1 && !slices.ContainsFunc(e.ups, func(u *exchange) bool { return pairs(d, u) })
	})
	e.ups = slices.DeleteFunc(slices.Clone(e.ups), func(u *exchange) bool {
		return len(e.ups) > 1 && !slices.ContainsFunc(e.downs, func(d *exchange) bool { return pairs(d, u) })
	})
}

// take ties what a line names, if that is one exchange on either side, or a leg
// whose exchanges are not told apart.
func (c *crossing) take(e *logEntry) {
	if e.TCP() {
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
	case u != nil && e.down.readable():
		c.taken[u] = true // its client's exchange was not captured
	}
}

// sole returns the one exchange that a line is of, nil for a leg that cannot be
// read and on which it was not found; ok is false if it is not certain.
func sole(may []*exchange, l *Leg) (x *exchange, ok bool) {
	switch {
	case len(may) == 1:
		return may[0], true
	case len(may) == 0:
		return nil, !l.readable() || len(l.exchanges) == 0
	}
	return nil, false
}

// takeExchange ties two exchanges, or what stands for them.
func (c *crossing) takeExchange(e *logEntry, d, u *exchange) {
	if d != nil && c.taken[d] || u != nil && c.taken[u] || d == nil && u == nil && c.linked(e.down, e.up) {
		return
	}
	if d != nil && u != nil && !nests(d, u) {
		c.contradict(e.logLine, d, u)
		return
	}
	l := &link{from: e.down, to: e.up, down: d, up: u, attempt: 1, confidence: sureProven, proven: true, evidence: []Evidence{c.logged(e.logLine, e.up, d, u)}}
	c.add(l)
	if d != nil {
		d.log = e.logLine
	} else if u != nil {
		u.log = e.logLine
	}
}

// takeWhole ties two connections that the proxy forwards as bytes.
func (c *crossing) takeWhole(e *logEntry) {
	if c.busy[e.down] || c.busy[e.up] {
		return
	}
	if !legNests(c.x, e.down, e.up) {
		c.contradict(e.logLine, nil, nil)
		return
	}
	c.add(&link{from: e.down, to: e.up, attempt: 1, confidence: sureProven, proven: true, evidence: []Evidence{c.logged(e.logLine, e.up, nil, nil)}})
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
	return fmt.Sprintf("%s → %s, then %s → %s", l.DownstreamRemote, l.DownstreamLocal, l.UpstreamLocal, l.UpstreamHost)
}

// shows returns the packet that shows an exchange, or a leg.
func (c *crossing) shows(l *Leg, e *exchange) capture.Ref {
	if e != nil {
		return e.ref()
	}
	return c.x.half(l.conn.lead()).First
}

// contradict notes that a line ties what cannot be cause and effect.
func (c *crossing) contradict(line *logLine, d, u *exchange) {
	begun := func(l *Leg, e *exchange) int64 {
		if e != nil {
			return e.begun()
		}
		return l.Start
	}
	early := begun(line.down, d) - begun(line.up, u)
	packets := "what followed does not enclose in time what is behind the proxy"
	if early > 0 {
		packets = fmt.Sprintf("behind the proxy it began %.3f ms earlier than its cause", float64(early)/1e6)
	}
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
	return l.HasFlag("UF") || l.HasFlag("URX") || l.HasFlag("UC") || l.Attempts > 1 || l.TransportFailure != ""
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
