package emit

import (
	"cmp"
	"context"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/plan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A chunk is bytes of a rebuilt stream that one packet carried.
type chunk struct {
	conv  int32
	reply bool
	gap   bool         // the bytes are missing: no packet carried them
	piece int32        // index into the conversation's pieces of that direction
	turn  int32        // of that piece
	off   int64        // in the half
	from  index.Moment // of the packet that carried them
	at    index.Moment // the same, raised so that time does not run back in the stream
	spot  int64        // in the spool
	n     int64
	cut   int64 // bytes that the packet carried after these and the snapshot length cut off
}

// A gatherer is the consumer that collects the pieces of rebuilt streams on a
// later reading.
type gatherer struct {
	reassembly.Discard
	group  int
	x      *index.Index
	wanted map[reassembly.HalfID][]placed // by half, in stream order
	next   map[reassembly.HalfID]int
	spool  *spool
	chunks []chunk
	err    error
}

// A placed is a piece and where it goes.
type placed struct {
	*plan.Piece
	conv  int32
	reply bool
	no    int32
}

// gather reads the pieces of all rebuilt conversations and returns their
// chunks in the order of conversation, direction and stream.
func (s *Source) gather(ctx context.Context, convs []*plan.Conversation, sp *spool) ([]chunk, error) {
	var all []chunk
	for g, group := range s.Index.Groups {
		c := &gatherer{group: g, x: s.Index, wanted: make(map[reassembly.HalfID][]placed), next: make(map[reassembly.HalfID]int), spool: sp}
		var want reassembly.HalfSet
		for i, conv := range convs {
			for dir, ps := range conv.Pieces {
				for no, p := range ps {
					if pg, id := s.Index.Locate(p.Half); pg == g {
						want.Add(id)
						c.wanted[id] = append(c.wanted[id], placed{p, int32(i), dir == 1, int32(no)})
					}
				}
			}
		}
		if want.Empty() {
			continue
		}
		for _, ps := range c.wanted {
			slices.SortFunc(ps, func(a, b placed) int { return cmp.Compare(a.From, b.From) })
		}
		if err := reassembly.Read(ctx, s.Groups[g], group.Table, &want, s.Index.Decrypted(g, c)); err != nil {
			return nil, err
		}
		if c.err != nil {
			return nil, c.err
		}
		all = append(all, c.chunks...)
	}
	sortChunks(all)
	all, parts, err := s.readMessages(ctx, convs, all, sp)
	if err != nil {
		return nil, err
	}
	calls, err := s.gatherCalls(ctx, convs, parts, sp)
	if err != nil || len(calls) == 0 {
		return all, err
	}
	all = append(all, calls...)
	sortChunks(all)
	return all, nil
}

// sortChunks puts chunks in the order of conversation, direction and stream.
func sortChunks(all []chunk) {
	slices.SortStableFunc(all, func(a, b chunk) int {
		return cmp.Or(cmp.Compare(a.conv, b.conv), compareBool(a.reply, b.reply), cmp.Compare(a.piece, b.piece), cmp.Compare(a.off, b.off))
	})
}

// inOrder calls yield with the chunks of both directions of one conversation: those
// of an exchange before those of the next, else in the order of time.
func inOrder(sent, received []chunk, yield func(*chunk) error) error {
	for len(sent)+len(received) > 0 {
		from := &received
		if len(received) == 0 || len(sent) > 0 && cmp.Or(cmp.Compare(sent[0].turn, received[0].turn), cmp.Compare(sent[0].at.Nanos, received[0].at.Nanos)) <= 0 {
			from = &sent
		}
		if err := yield(&(*from)[0]); err != nil {
			return err
		}
		*from = (*from)[1:]
	}
	return nil
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// Bytes implements reassembly.Consumer.
func (g *gatherer) Bytes(at reassembly.At, p []byte) int64 {
	return g.take(at, int64(len(p)), p, 0)
}

// Gap implements reassembly.Consumer.
func (g *gatherer) Gap(at reassembly.At, n int64, why reassembly.GapKind, next capture.Ref) {
	g.take(at, n, nil, why)
}

// take takes from the n bytes at at.Off what belongs to pieces, and returns
// how many of the bytes after belong to none. why is 0 when the bytes are there.
func (g *gatherer) take(at reassembly.At, n int64, p []byte, why reassembly.GapKind) int64 {
	ps := g.wanted[at.Half]
	end := at.Off + n
	for i := g.next[at.Half]; i < len(ps); i++ {
		w := ps[i]
		if w.To <= at.Off {
			g.next[at.Half] = i + 1
			continue
		}
		if w.From >= end {
			return w.From - end
		}
		from, to := max(w.From, at.Off), min(w.To, end)
		m := index.Moment{Nanos: int64(at.Time), Ref: at.Ref}
		c := chunk{conv: w.conv, reply: w.reply, gap: why == reassembly.GapLost, piece: w.no, turn: int32(w.Turn), off: from, from: m, at: m, n: to - from}
		switch why {
		case 0:
			g.keep(&c, p[from-at.Off:to-at.Off])
		case reassembly.GapSnaplen:
			c.n, c.cut = 0, to-from
		}
		g.add(c)
		if w.To > end {
			return 0
		}
	}
	if g.next[at.Half] == len(ps) {
		return scan.Unwanted
	}
	return 0
}

// add appends c. What was cut off a packet belongs to the chunk before it.
func (g *gatherer) add(c chunk) {
	if k := len(g.chunks) - 1; c.cut > 0 && k >= 0 {
		last := &g.chunks[k]
		if last.at == c.at && last.conv == c.conv && last.reply == c.reply && last.piece == c.piece && !last.gap && last.off+last.n+last.cut == c.off {
			last.cut += c.cut
			return
		}
	}
	g.chunks = append(g.chunks, c)
}

func (g *gatherer) keep(c *chunk, p []byte) {
	spot, err := g.spool.add(p)
	if err != nil && g.err == nil {
		g.err = err
	}
	c.spot = spot
}
