package plan

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/trace"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// A Conversation is what is written of a path, as one TCP stream between the
// path's ends: the real packets of one leg under the ends' addresses, or
// pieces of several legs packetised anew.
type Conversation struct {
	Client, Server netip.AddrPort
	Frame          *graph.Leg        // its packets, or in a rebuilt stream its handshake and close
	Pieces         [2][]*Piece       // of a rebuilt stream, in stream order: sent by the client, by the server
	Calls          []*graph.Exchange // of a rebuilt stream that speaks HTTP/2; the pieces are those of them that were HTTP/1.1
	Rebuilt        bool
	First          index.Moment // of the first packet written
	Path           *trace.Path  // whose legs are named in comments
	notes          []string     // of exchanges that are not written, and why, or of which is written what is in doubt
}

// A Piece is a range of a half that goes into a rebuilt stream.
type Piece struct {
	Half     index.HalfNo
	From, To int64         // stream offsets
	Turn     int           // of which exchange: place among those that are written; each stands before the next
	Message  *scan.Message // that it is, with what belongs to it; nil if it is none
}

// Planner decides what is written of each path.
type Planner struct {
	Index      *index.Index
	Legs       []*graph.Leg
	Files      []string // names of the inputs, for comments
	NearServer bool     // carry the bytes of the leg nearest the server

	// Overtaken tells of a packet that is stamped earlier than one before it in its
	// capture: the latest time of those. nil: there are none.
	Overtaken func(capture.Ref) (by capture.Time, ok bool)
}

func (pl *Planner) conversation(p *trace.Path) *Conversation {
	switch {
	case p.Own != nil && p.ClientLeg.Multiplexed():
		return pl.rebuild(p, p.ClientLeg, p.Own)
	case p.Own != nil:
		return pl.rest(p)
	case p.ClientLeg.Readable() && !pl.NearServer:
		return pl.rewrite(p, p.ClientLeg)
	case len(p.Exchanges) == 0:
		return pl.rewrite(p, pl.wholeLeg(p))
	}
	chosen := pl.choose(p)
	c := pl.rewrite(p, p.ClientLeg)
	if only := chosen.onlyLeg(); only != nil {
		c = pl.rewrite(p, only)
	} else if len(chosen.exchanges) > 0 {
		c = pl.rebuild(p, p.ClientLeg, chosen.exchanges)
	}
	p.Mode = c.modeOf(p.ClientLeg, chosen.exchanges)
	c.notes = append(c.notes, chosen.notes...)
	return c
}

// rewrite plans to write the packets of leg l under the path's ends.
// There are none of a decrypted leg: its stream is made anew.
func (pl *Planner) rewrite(p *trace.Path, l *graph.Leg) *Conversation {
	c := &Conversation{Client: p.Client, Server: p.Server, Frame: l, First: pl.firstPacket(l)}
	if l.Decrypted && (!l.Tunnel || l.Opened) { // else other paths have what is in it
		c = Whole(c)
		if l.Midstream || l.Conn.Orig == 0 || l.Conn.Reply == 0 {
			c.First = pl.firstByte(l)
		}
	}
	return c
}

// Whole returns the conversation of a rewritten leg as pieces: all bytes of
// its halves.
func Whole(c *Conversation) *Conversation {
	w := *c
	w.Rebuilt = true
	for d, h := range [2]index.HalfNo{c.Frame.Conn.Orig, c.Frame.Conn.Reply} {
		if h != 0 {
			w.Pieces[d] = []*Piece{{Half: h, From: math.MinInt64, To: math.MaxInt64}}
		}
	}
	return &w
}

// firstByte returns the moment of the first byte of l that was captured, that
// of its first packet if there is none.
func (pl *Planner) firstByte(l *graph.Leg) index.Moment {
	first := index.Moment{Nanos: math.MaxInt64}
	for h := range l.Conn.Halves {
		if r := pl.Index.Content(h); r.Proto != scan.ProtoNone {
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
func (pl *Planner) firstPacket(l *graph.Leg) index.Moment {
	return index.Moment{Nanos: l.Conn.Start, Ref: l.Conn.First}
}

// wholeLeg returns the leg of a byte-for-byte path whose bytes are written:
// the readable one nearest the chosen end.
func (pl *Planner) wholeLeg(p *trace.Path) *graph.Leg {
	best := p.ClientLeg
	for _, k := range p.Links {
		if k.Up == nil && !k.Ambiguous && k.To.Readable() && !k.To.Empty() && (pl.NearServer || !best.Readable()) {
			best = k.To
		}
	}
	return best
}

// Exchange plans to write one exchange of a path; nil if it cannot be read.
func (pl *Planner) Exchange(c *Conversation, no int) *Conversation {
	e := pl.hop(c.Path, no)
	if e == nil {
		return nil
	}
	return pl.rebuild(c.Path, c.Path.ClientLeg, []*graph.Exchange{e})
}

// rebuild plans to write chosen exchanges back to back inside the handshake
// and close of the leg frame.
func (pl *Planner) rebuild(p *trace.Path, frame *graph.Leg, chosen []*graph.Exchange) *Conversation {
	c := &Conversation{Client: p.Client, Server: p.Server, Frame: frame, Rebuilt: true, First: pl.firstPacket(frame)}
	if asHTTP2(frame, chosen) {
		c.Calls = chosen
	}
	pl.addPieces(c, chosen)
	if frame.Midstream && len(chosen) > 0 {
		c.First = firstOf(chosen)
	}
	return c
}

// rest plans to write of the path's leg what no other path carries: all but the
// messages of the exchanges that others claim.
func (pl *Planner) rest(p *trace.Path) *Conversation {
	c := &Conversation{Client: p.Client, Server: p.Server, Frame: p.ClientLeg, Rebuilt: true, First: pl.firstPacket(p.ClientLeg)}
	own := make(map[*graph.Exchange]bool)
	for _, e := range p.Own {
		own[e] = true
	}
	var claimed [2][]*Piece
	l := p.ClientLeg
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
			c.Pieces[d] = complement(h, claimed[d])
		}
	}
	if l.Midstream && len(p.Own) > 0 {
		c.First = firstOf(p.Own)
	}
	return c
}

// complement returns the pieces of half h between the given ones, which are in
// stream order.
func complement(h index.HalfNo, claimed []*Piece) []*Piece {
	var out []*Piece
	from := int64(math.MinInt64)
	for _, p := range claimed {
		if p.From > from {
			out = append(out, &Piece{Half: h, From: from, To: p.From})
		}
		from = max(from, p.To)
	}
	if from < math.MaxInt64 {
		out = append(out, &Piece{Half: h, From: from, To: math.MaxInt64})
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
func (pl *Planner) piece(h index.HalfNo, m *scan.Message) *Piece {
	r := pl.Index.Content(h)
	p := &Piece{Half: h, From: m.Before, To: m.End}
	if m.Is(scan.MsgResync) {
		p.From = m.Start
	}
	if m.Next == 0 && r.Tunnel >= 0 {
		p.To = math.MaxInt64
	}
	return p
}

// Comments says for each leg of a path where it was seen and how it was tied.
func (pl *Planner) Comments(c *Conversation) []string {
	var cs []string
	p := c.Path
	for _, id := range p.Legs {
		l := pl.Legs[id]
		h := pl.Index.Half(l.Conn.Lead())
		s := fmt.Sprintf("pcapmesh: leg %d %s on %s: %s packet %d, %s", l.ID, l.Role, l.Interface,
			pl.Files[h.First.Input], h.First.Packet, h.Key.Tuple())
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
	cs = append(cs, c.form()...)
	for _, n := range c.notes {
		cs = append(cs, "pcapmesh: "+n)
	}
	return cs
}

// failures says what the proxy logged of exchanges that did not go well.
func failures(p *trace.Path) (cs []string) {
	for i := range p.Exchanges {
		x := &p.Exchanges[i]
		if l := p.Line(i); l != nil && len(l.Flags) > 0 {
			cs = append(cs, fmt.Sprintf("pcapmesh: exchange %d: response flags %s, %s", x.ID, strings.Join(l.Flags, ","), cmp.Or(l.CodeDetails, l.Failure, "no details")))
		}
	}
	if p.ClientLeg == nil { // of the view of legs
		return cs
	}
	if l := p.ClientLeg.Logged; l != nil && l.Error != "" {
		cs = append(cs, "pcapmesh: the proxy logged: "+l.Reason())
	}
	if l := p.ClientLeg.Log; l != nil && len(l.Flags) > 0 {
		cs = append(cs, fmt.Sprintf("pcapmesh: response flags %s, %s", strings.Join(l.Flags, ","), cmp.Or(l.Failure, l.Termination, "no details")))
	}
	return cs
}

// tie says how the leg with the given ID was joined to the one before it.
func tie(p *trace.Path, id int) string {
	var best *graph.Link
	consider := func(l *graph.Link) {
		if l != nil && l.To.ID == id && (best == nil || best.Ambiguous && !l.Ambiguous || best.Ambiguous == l.Ambiguous && l.Confidence > best.Confidence) {
			best = l
		}
	}
	for _, l := range p.Links {
		consider(l)
	}
	for _, steps := range p.Steps {
		for _, s := range steps {
			consider(s.Link)
		}
	}
	if best == nil || len(best.Evidence) == 0 {
		return ""
	}
	e := best.Evidence[0]
	kind := "joined"
	switch {
	case best.Copy:
		kind = "carries copies, joined"
	case best.Ambiguous && best.Legs > 0:
		return fmt.Sprintf(", joined to leg %d by %s, confidence %.3f; in doubt by which of its exchanges: best guess %s", best.From.ID, e.Kind, best.Legs, e.Detail)
	case best.Ambiguous:
		kind = fmt.Sprintf("ambiguous with %d rivals, best guess", len(best.Rivals))
	}
	return fmt.Sprintf(", %s to leg %d by %s (%s), confidence %.3f", kind, best.From.ID, e.Kind, e.Detail, best.Confidence)
}

// LegConversations plans the view in which nothing is joined: every leg by
// itself, its half-flows merged, every sighting of it written.
func (pl *Planner) LegConversations() []*Conversation {
	var cs []*Conversation
	for _, l := range pl.Legs {
		c := &Conversation{Client: l.Orig.Src, Server: l.Orig.Dst, Frame: l, First: pl.firstPacket(l)}
		c.Path = &trace.Path{Path: &flow.Path{Legs: []int{l.ID}}}
		cs = append(cs, c)
	}
	pl.sort(cs)
	return cs
}
