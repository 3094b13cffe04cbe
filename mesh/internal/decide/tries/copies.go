package tries

import (
	"cmp"
	"net/netip"
	"slices"
	"sort"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
)

// A proxy that mirrors sends each request a second time, to another service, at the same
// time, and throws the answers away. To all who look for the one exchange that a client's
// caused there are two, as long and at once. That a target, an address and a name in the
// ClientHello, gets copies shows as a whole: whatever is asked there is asked elsewhere,
// just then, and there are too many exchanges for the clients by as many. Which of the two
// is the copy the names tell: the client named the service that was to answer.

// A target is where connections went.
type target struct {
	to  netip.AddrPort
	sni string
}

func targetOf(l *graph.Leg) target { return target{l.Orig.Dst, l.TLS.SNI} }

// What makes a target one of copies: so many exchanges, of which so large a share are
// asked elsewhere, most of them within copyNear, and each within copyFar: either may wait
// for a connection, which is dialled first.
const (
	fewestCopies = 4
	copyShare    = 0.95
	copyNear     = int64(2e6)
	copyFar      = int64(50e6)
	mostSeconds  = 16 // that are compared with a copy
)

// SetCopiesApart takes the legs that carry copies out of those that clients' exchanges
// may have been sent on.
func SetCopiesApart(c *crossing.Crossing) {
	targets := make(map[target][]*graph.Leg)
	var order []target
	for _, l := range c.Up {
		k := targetOf(l)
		if targets[k] == nil {
			order = append(order, k)
		}
		targets[k] = append(targets[k], l)
	}
	if len(order) < 2 {
		return
	}
	turn.Outline(c, c.Down)
	turn.Outline(c, c.Up)
	asked, known := hosts(c)
	if !known {
		return
	}
	spare := len(requests(c, c.Up)) - len(requests(c, c.Down))
	var others []*graph.Exchange // of targets that clients named
	var rest []target
	for _, k := range order {
		if named(c, k, targets[k], asked) {
			others = append(others, requests(c, targets[k])...)
		} else {
			rest = append(rest, k)
		}
	}
	inOrder(others)
	for _, k := range rest {
		copies := requests(c, targets[k])
		if len(copies) < fewestCopies || 2*spare < len(copies) || !mirrors(others, copies) {
			continue
		}
		spare -= len(copies)
		c.Copies = append(c.Copies, targets[k]...)
		c.Up = slices.DeleteFunc(c.Up, func(l *graph.Leg) bool { return targetOf(l) == k })
	}
}

// requests lists the exchanges of legs whose requests were captured, in the order in which they
// began.
func requests(c *crossing.Crossing, legs []*graph.Leg) (all []*graph.Exchange) {
	for _, l := range legs {
		es := shown(c, l)
		for i := range es {
			if es[i].Req != nil {
				all = append(all, &es[i])
			}
		}
	}
	inOrder(all)
	return all
}

// shown lists the exchanges of a leg as far as it was captured, those of one that cannot be
// read as turns tell them; nil if they are not told. What came before the capture is no
// concern of copies.
func shown(c *crossing.Crossing, l *graph.Leg) []graph.Exchange {
	switch {
	case l.Readable() || len(l.Exchanges) > 0:
		return l.Exchanges
	case l.SpeaksHTTP2() || c.Index.Content(l.Conn.Orig).Lost+c.Index.Content(l.Conn.Reply).Lost > 0:
		return nil
	}
	return l.Hidden
}

func inOrder(es []*graph.Exchange) {
	slices.SortStableFunc(es, func(a, b *graph.Exchange) int { return cmp.Compare(a.KnownBy(), b.KnownBy()) })
}

// hosts tells what hosts the clients named; known is false if it is not seen of all of
// them.
func hosts(c *crossing.Crossing) (asked map[string]bool, known bool) {
	asked = make(map[string]bool)
	for _, l := range c.Down {
		es := shown(c, l)
		if es == nil && !l.Empty() {
			return nil, false
		}
		for i := range es {
			if e := &es[i]; e.Req != nil && e.Req.Host.Len() > 0 {
				asked[bare(e.Scan.Text.String(e.Req.Host))] = true
			}
		}
	}
	return asked, true
}

// bare returns a host without its port.
func bare(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		return host[:i]
	}
	return host
}

// named reports whether clients named a target: by the service in its ClientHello, or by
// what the proxy logged of it, which it does not of copies.
func named(c *crossing.Crossing, k target, legs []*graph.Leg, asked map[string]bool) bool {
	if c.Ledger != nil && slices.ContainsFunc(c.Ledger.Lines, func(line *graph.NamedLine) bool { return line.Up != nil && slices.Contains(legs, line.Up) }) {
		return true
	}
	service := serviceOf(k.sni)
	for host := range asked {
		if service == host || strings.HasPrefix(service, host+".") {
			return true
		}
	}
	return false
}

// serviceOf returns the service that a name in a ClientHello is of: Istio puts direction,
// port and subset before it.
func serviceOf(sni string) string {
	if i := strings.LastIndex(sni, "_."); i >= 0 && strings.HasPrefix(sni, "outbound_") {
		return sni[i+2:]
	}
	return sni
}

// mirrors reports whether copies are what the others asked, each at the same time.
func mirrors(others, copies []*graph.Exchange) bool {
	m := pair(others, copies, nil)
	var apart []int64
	for i, k := range m.OfUp {
		if k >= 0 {
			apart = append(apart, distance(others[k], copies[i]))
		}
	}
	if float64(len(apart)) < copyShare*float64(len(copies)) {
		return false
	}
	slices.Sort(apart)
	return apart[len(apart)/2] <= copyNear
}

func distance(a, b *graph.Exchange) int64 {
	return max(a.KnownBy()-b.KnownBy(), b.KnownBy()-a.KnownBy())
}

// pair matches copies with what was asked elsewhere, the nearest first. Of what is tied it
// is also known what the client asked.
func pair(others, copies []*graph.Exchange, tied map[*graph.Exchange]*graph.Link) *assign.Matching {
	longer := shift(others, copies)
	edges := make([][]int, len(copies))
	for i, b := range copies {
		edges[i] = near(others, b, copyFar, func(a *graph.Exchange) bool {
			l := tied[a]
			return sameCopied(a, b, longer) && (l == nil || graph.IsHidden(l.Down) || graph.IsHidden(b) || sameRead(l.Down, b))
		})
	}
	return assign.Match(len(others), edges)
}

// near lists the exchanges that began within some time of b and fit, the nearest first.
func near(others []*graph.Exchange, b *graph.Exchange, within int64, fits func(a *graph.Exchange) bool) (out []int) {
	from := sort.Search(len(others), func(i int) bool { return others[i].KnownBy() >= b.KnownBy()-within })
	for i := from; i < len(others) && others[i].KnownBy() <= b.KnownBy()+within; i++ {
		if fits(others[i]) {
			out = append(out, i)
		}
	}
	slices.SortStableFunc(out, func(i, k int) int { return cmp.Compare(distance(others[i], b), distance(others[k], b)) })
	return out[:min(len(out), mostSeconds)]
}

// sameCopied reports whether b may be a copy of a, which is longer by some bytes.
func sameCopied(a, b *graph.Exchange, longer int64) bool {
	if !graph.IsHidden(a) && !graph.IsHidden(b) {
		return sameRead(a, b)
	}
	n, m := length(a), length(b)
	return n > 0 && m > 0 && n-m == longer
}

// sameRead reports whether two exchanges that can be read ask the same.
func sameRead(a, b *graph.Exchange) bool {
	like := crossing.Compare(a, b)
	return like.SameLine() && !like.OtherID && like.Request != fingerprint.Different
}

// length returns how many bytes a request has; 0 if that is not known.
func length(e *graph.Exchange) int64 {
	switch {
	case !graph.IsHidden(e):
		return max(e.Req.End-e.Req.Start, 0)
	case len(e.Outline.Req) > 0:
		return e.Outline.Req[0]
	}
	return 0
}

// shift learns by how much what was asked elsewhere is longer than its copies: the proxies
// may tell each other of themselves on one of the two.
func shift(others, copies []*graph.Exchange) (longer int64) {
	votes := make(map[int64]int)
	for _, b := range copies {
		for _, i := range near(others, b, copyNear, func(a *graph.Exchange) bool { return length(a) > 0 && length(b) > 0 }) {
			d := length(others[i]) - length(b)
			votes[d]++
			if votes[d] > votes[longer] || votes[d] == votes[longer] && d < longer {
				longer = d
			}
		}
	}
	return longer
}

// JoinCopies ties what was asked a second time to the exchange whose first was tied, if
// it can be the copy of no other.
func JoinCopies(c *crossing.Crossing) {
	if len(c.Copies) == 0 {
		return
	}
	of := make(map[*graph.Exchange]*graph.Link)
	var others []*graph.Exchange
	for _, l := range c.Links {
		if l.Down != nil && l.Up != nil && !l.Ambiguous && !l.Copy && l.Attempt == 1 {
			of[l.Up] = l
		}
	}
	for _, u := range c.Up { // what is not tied may have copies, too
		others = append(others, requests(c, []*graph.Leg{u})...)
	}
	inOrder(others)
	copies := requests(c, c.Copies)
	m := pair(others, copies, of)
	for i, b := range copies {
		if k := m.OfUp[i]; k >= 0 && of[others[k]] != nil && (m.Forced[i] || alone(m, others, copies, i)) {
			addCopy(c, of[others[k]], b)
		}
	}
}

// Of several that a copy may be of, the nearest is the one if the others are so much
// farther from it, in nanoseconds and times, and it is not as near to another copy.
const (
	alonePlus  = int64(1e6)
	aloneTimes = 4
)

// alone reports whether copy i and what it is matched with are much nearer to each other
// than to anything else that fits.
func alone(m *assign.Matching, others, copies []*graph.Exchange, i int) bool {
	k := m.OfUp[i]
	least := aloneTimes*distance(others[k], copies[i]) + alonePlus
	return !slices.ContainsFunc(m.Up[i], func(o int) bool { return o != k && distance(others[o], copies[i]) <= least }) &&
		!slices.ContainsFunc(m.Down[k], func(o int) bool { return o != i && distance(others[k], copies[o]) <= least })
}

// addCopy ties b as a copy of what l leads to.
func addCopy(c *crossing.Crossing, l *graph.Link, b *graph.Exchange) {
	k := &graph.Link{From: l.From, To: b.Leg, Down: l.Down, Up: b, Attempt: 1, Copy: true, Confidence: min(graph.SureByTime, l.Confidence),
		Evidence: []flow.Evidence{{Kind: flow.OnlyCandidate, Packets: []capture.Ref{l.Down.Ref(), b.Ref(), l.Up.Ref()},
			Detail: "a copy: asks the same as what was answered, at the same time, of a service that the client did not name"}}}
	if !graph.IsHidden(b) && !graph.IsHidden(l.Up) {
		k.Confidence = min(graph.SureByContents, l.Confidence)
		if like := crossing.Compare(l.Up, b); like.SameID() {
			k.Confidence, k.Proven = l.Confidence, l.Proven
			k.Evidence[0].Kind = flow.RequestID
		}
	}
	if graph.IsHidden(b) {
		b.Leg.Exchanges = b.Leg.Hidden
	}
	c.Add(k)
}
