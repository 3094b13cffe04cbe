package mesh

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// A conversation is what is written of a path, as one TCP stream between the
// path's ends: the real packets of one leg under the ends' addresses, or
// pieces of several legs packetised anew.
type conversation struct {
	client, server netip.AddrPort
	frame          *graph.Leg        // its packets, or in a rebuilt stream its handshake and close
	pieces         [2][]*piece       // of a rebuilt stream, in stream order: sent by the client, by the server
	calls          []*graph.Exchange // of a rebuilt stream that speaks HTTP/2, instead of pieces
	rebuilt        bool
	first          index.Moment // of the first packet written
	path           *workPath    // whose legs are named in comments
	omitted        []string     // exchanges that are not written, and why
}

// A piece is a range of a half that goes into a rebuilt stream.
type piece struct {
	half     index.HalfNo
	from, to int64 // stream offsets
}

// planner decides what is written of each path.
type planner struct {
	x          *index.Index
	legs       []*graph.Leg
	files      []string // names of the inputs, for comments
	nearServer bool     // carry the bytes of the leg nearest the server
}

// plan gives every path its conversation and its number: paths are numbered in
// the order of their first written packets, which is how Wireshark numbers TCP
// streams.
func (pl *planner) plan(paths []*workPath) []*conversation {
	convs := make([]*conversation, len(paths))
	for i, p := range paths {
		convs[i] = pl.conversation(p)
		convs[i].path = p
	}
	slices.SortStableFunc(convs, func(a, b *conversation) int { return a.first.Compare(b.first) })
	for i, c := range convs {
		c.path.ID = i
		paths[i] = c.path
	}
	return convs
}

func (pl *planner) conversation(p *workPath) *conversation {
	switch {
	case p.own != nil && p.client.Multiplexed():
		return pl.rebuild(p, p.client, p.own)
	case p.own != nil:
		return pl.rest(p)
	case p.client.Readable() && !pl.nearServer:
		return pl.rewrite(p, p.client)
	case len(p.Exchanges) == 0:
		return pl.rewrite(p, pl.wholeLeg(p))
	}
	chosen, omitted := pl.choose(p)
	c := pl.rewrite(p, p.client)
	if only := pl.onlyLeg(chosen, omitted); only != nil {
		c = pl.rewrite(p, only)
	} else if len(chosen) > 0 {
		c = pl.rebuild(p, p.client, chosen)
	}
	p.Mode = modeOf(p.client, chosen)
	c.omitted = append(c.omitted, omitted...)
	return c
}

// rewrite plans to write the packets of leg l under the path's ends.
// There are none of a decrypted leg: its stream is made anew.
func (pl *planner) rewrite(p *workPath, l *graph.Leg) *conversation {
	c := &conversation{client: p.Client, server: p.Server, frame: l, first: pl.firstPacket(l)}
	if l.Decrypted && (!l.Tunnel || l.Opened) { // else other paths have what is in it
		c = whole(c)
		if l.Midstream || l.Conn.Orig == 0 || l.Conn.Reply == 0 {
			c.first = pl.firstByte(l)
		}
	}
	return c
}

// whole returns the conversation of a rewritten leg as pieces: all bytes of
// its halves.
func whole(c *conversation) *conversation {
	w := *c
	w.rebuilt = true
	for d, h := range [2]index.HalfNo{c.frame.Conn.Orig, c.frame.Conn.Reply} {
		if h != 0 {
			w.pieces[d] = []*piece{{half: h, from: math.MinInt64, to: math.MaxInt64}}
		}
	}
	return &w
}

// firstByte returns the moment of the first byte of l that was captured, that
// of its first packet if there is none.
func (pl *planner) firstByte(l *graph.Leg) index.Moment {
	first := index.Moment{Nanos: math.MaxInt64}
	for h := range l.Conn.Halves {
		if r := pl.x.Content(h); r.Proto != scan.ProtoNone {
			if at := (index.Moment{Nanos: r.Data.Nanos, Ref: r.Data.Ref}); at.Compare(first) < 0 {
				first = at
			}
		}
	}
	if first.Nanos == math.MaxInt64 {
		return pl.firstPacket(l)
	}
	return first
}

// firstPacket returns the moment of the first packet of l.
func (pl *planner) firstPacket(l *graph.Leg) index.Moment {
	return index.Moment{Nanos: l.Conn.Start, Ref: l.Conn.First}
}

// wholeLeg returns the leg of a byte-for-byte path whose bytes are written:
// the readable one nearest the chosen end.
func (pl *planner) wholeLeg(p *workPath) *graph.Leg {
	best := p.client
	for _, k := range p.links {
		if k.Up == nil && !k.Ambiguous && k.To.Readable() && !k.To.Empty() && (pl.nearServer || !best.Readable()) {
			best = k.To
		}
	}
	return best
}

// choose picks for each exchange of p the hop whose bytes are written.
func (pl *planner) choose(p *workPath) (chosen []*graph.Exchange, omitted []string) {
	for i := range p.Exchanges {
		x := &p.Exchanges[i]
		if e := pl.hop(p, i); e != nil {
			chosen = append(chosen, e)
			continue
		}
		omitted = append(omitted, fmt.Sprintf("exchange %d: %s", x.ID, why(x)))
	}
	return chosen, omitted
}

// hop returns of an exchange of p the readable one nearest the chosen end, failed attempts
// and guesses left out.
func (pl *planner) hop(p *workPath, no int) *graph.Exchange {
	var found *graph.Exchange
	hops := p.Exchanges[no].Hops
	for i, s := range p.steps[no] {
		failed := i+1 < len(hops) && hops[i+1].FromLeg == hops[i].FromLeg
		if s.ex == nil || s.ex.Outline != nil || hops[i].Ambiguous || failed {
			continue
		}
		if found == nil || pl.nearServer {
			found = s.ex
		}
	}
	return found
}

func why(x *flow.Exchange) string {
	if x.Ambiguous {
		n := 0
		for _, h := range x.Hops {
			n += len(h.Rivals)
		}
		return fmt.Sprintf("ambiguous, %d rivals", n)
	}
	return "not readable on any leg"
}

// onlyLeg returns the leg whose exchanges are exactly the chosen ones, so that
// its real packets can be used.
func (pl *planner) onlyLeg(chosen []*graph.Exchange, omitted []string) *graph.Leg {
	if len(chosen) == 0 || len(omitted) > 0 || len(chosen) != len(chosen[0].Leg.Exchanges) {
		return nil
	}
	for i, e := range chosen {
		if e.Leg != chosen[0].Leg || e.No != i {
			return nil
		}
	}
	return chosen[0].Leg
}

// exchange plans to write one exchange of a path; nil if it cannot be read.
func (pl *planner) exchange(c *conversation, no int) *conversation {
	e := pl.hop(c.path, no)
	if e == nil {
		return nil
	}
	return pl.rebuild(c.path, c.path.client, []*graph.Exchange{e})
}

// rebuild plans to write chosen exchanges back to back inside the handshake
// and close of the leg frame.
func (pl *planner) rebuild(p *workPath, frame *graph.Leg, chosen []*graph.Exchange) *conversation {
	c := &conversation{client: p.Client, server: p.Server, frame: frame, rebuilt: true, first: pl.firstPacket(frame)}
	if slices.ContainsFunc(chosen, onHTTP2) {
		chosen = c.onlyHTTP2(chosen)
	}
	for _, e := range chosen {
		if e.Req != nil {
			c.pieces[0] = append(c.pieces[0], pl.piece(e.Leg.Conn.Orig, e.Req))
		}
		if e.Resp != nil {
			c.pieces[1] = append(c.pieces[1], pl.piece(e.Leg.Conn.Reply, e.Resp))
		}
	}
	if all := append(chosen, c.calls...); frame.Midstream && len(all) > 0 {
		c.first = firstOf(all)
	}
	return c
}

// rest plans to write of the path's leg what no other path carries: all but the
// messages of the exchanges that others claim.
func (pl *planner) rest(p *workPath) *conversation {
	c := &conversation{client: p.Client, server: p.Server, frame: p.client, rebuilt: true, first: pl.firstPacket(p.client)}
	own := make(map[*graph.Exchange]bool)
	for _, e := range p.own {
		own[e] = true
	}
	var claimed [2][]*piece
	l := p.client
	for i := range l.Exchanges {
		e := &l.Exchanges[i]
		if own[e] {
			continue
		}
		if e.Req != nil {
			claimed[0] = append(claimed[0], pl.piece(l.Conn.Orig, e.Req))
		}
		if e.Resp != nil {
			claimed[1] = append(claimed[1], pl.piece(l.Conn.Reply, e.Resp))
		}
	}
	for d, h := range [2]index.HalfNo{l.Conn.Orig, l.Conn.Reply} {
		if h != 0 {
			c.pieces[d] = complement(h, claimed[d])
		}
	}
	if l.Midstream && len(p.own) > 0 {
		c.first = firstOf(p.own)
	}
	return c
}

// complement returns the pieces of half h between the given ones, which are in
// stream order.
func complement(h index.HalfNo, claimed []*piece) []*piece {
	var out []*piece
	from := int64(math.MinInt64)
	for _, p := range claimed {
		if p.from > from {
			out = append(out, &piece{h, from, p.from})
		}
		from = max(from, p.to)
	}
	if from < math.MaxInt64 {
		out = append(out, &piece{h, from, math.MaxInt64})
	}
	return out
}

func firstOf(chosen []*graph.Exchange) index.Moment {
	first := index.Moment{Nanos: math.MaxInt64}
	for _, e := range chosen {
		for _, m := range [2]*scan.Message{e.Req, e.Resp} {
			if m == nil {
				continue
			}
			if at := (index.Moment{Nanos: m.From.Nanos, Ref: m.From.Ref}); at.Compare(first) < 0 {
				first = at
			}
		}
	}
	return first
}

// piece returns the range of message m with what stands between it and the
// message before: interim responses and empty lines. After the last message
// before a tunnel comes the tunnel.
func (pl *planner) piece(h index.HalfNo, m *scan.Message) *piece {
	r := pl.x.Content(h)
	p := &piece{half: h, from: m.Before, to: m.End}
	if m.Is(scan.MsgResync) {
		p.from = m.Start
	}
	if m.Next == 0 && r.Tunnel >= 0 {
		p.to = math.MaxInt64
	}
	return p
}

// comments says for each leg of a path where it was seen and how it was tied.
func (pl *planner) comments(c *conversation) []string {
	var cs []string
	p := c.path
	for _, id := range p.Legs {
		l := pl.legs[id]
		h := pl.x.Half(l.Conn.Lead())
		s := fmt.Sprintf("pcapmesh: leg %d %s on %s: %s packet %d, %s", l.ID, l.Role, l.Interface,
			pl.files[h.First.Input], h.First.Packet, h.Key.Tuple())
		if l.Decrypted {
			s += ", decrypted"
		}
		if l.LostHeaders {
			s += ", header fields that refer to a lost table unknown"
		}
		cs = append(cs, s+tie(p, id))
		for _, note := range l.Notes {
			cs = append(cs, fmt.Sprintf("pcapmesh: leg %d: %s", l.ID, note))
		}
	}
	cs = append(cs, failures(p)...)
	if len(c.calls) > 0 {
		cs = append(cs, "pcapmesh: HTTP/2 written anew, with a preface, settings, header tables and stream numbers of its own")
	}
	if p.Mode == flow.H2To11 {
		cs = append(cs, "pcapmesh: h2→1.1: the client spoke HTTP/2; its exchanges as HTTP/1.1, in the order of requests")
	}
	for _, o := range c.omitted {
		cs = append(cs, "pcapmesh: left out: "+o)
	}
	return cs
}

// failures says what the proxy logged of exchanges that did not go well.
func failures(p *workPath) (cs []string) {
	for i := range p.Exchanges {
		x := &p.Exchanges[i]
		if l := p.line(i); l != nil && len(l.Flags) > 0 {
			cs = append(cs, fmt.Sprintf("pcapmesh: exchange %d: response flags %s, %s", x.ID, strings.Join(l.Flags, ","), cmp.Or(l.CodeDetails, l.Failure, "no details")))
		}
	}
	if p.client == nil { // of the view of legs
		return cs
	}
	if l := p.client.Log; l != nil && len(l.Flags) > 0 {
		cs = append(cs, fmt.Sprintf("pcapmesh: response flags %s, %s", strings.Join(l.Flags, ","), cmp.Or(l.Failure, l.Termination, "no details")))
	}
	return cs
}

// tie says how the leg with the given ID was joined to the one before it.
func tie(p *workPath, id int) string {
	var best *graph.Link
	consider := func(l *graph.Link) {
		if l != nil && l.To.ID == id && (best == nil || best.Ambiguous && !l.Ambiguous || best.Ambiguous == l.Ambiguous && l.Confidence > best.Confidence) {
			best = l
		}
	}
	for _, l := range p.links {
		consider(l)
	}
	for _, steps := range p.steps {
		for _, s := range steps {
			consider(s.link)
		}
	}
	if best == nil || len(best.Evidence) == 0 {
		return ""
	}
	e := best.Evidence[0]
	kind := "joined"
	if best.Ambiguous {
		kind = fmt.Sprintf("ambiguous with %d rivals, best guess", len(best.Rivals))
	}
	return fmt.Sprintf(", %s to leg %d by %s (%s), confidence %.3f", kind, best.From.ID, e.Kind, e.Detail, best.Confidence)
}

// legConversations plans the view in which nothing is joined: every leg by
// itself, its half-flows merged, every sighting of it written.
func (pl *planner) legConversations() []*conversation {
	var cs []*conversation
	for _, l := range pl.legs {
		c := &conversation{client: l.Orig.Src, server: l.Orig.Dst, frame: l, first: pl.firstPacket(l)}
		c.path = &workPath{Path: &flow.Path{Legs: []int{l.ID}}}
		cs = append(cs, c)
	}
	slices.SortStableFunc(cs, func(a, b *conversation) int { return a.first.Compare(b.first) })
	return cs
}
