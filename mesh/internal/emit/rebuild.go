package emit

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/plan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// maxSegment is the most payload that is put into one packet: what fits into
// an IPv4 packet (RFC 791 §3.1) with the smallest headers.
const maxSegment = 65535 - 20 - 20

// ackEvery is after how many unacknowledged bytes a rebuilt stream gets an
// acknowledgement, so that no window looks overrun.
const ackEvery = 32 << 10

// A made is a packet of a rebuilt stream.
type made struct {
	at       index.Moment
	conv     int32
	reply    bool
	flags    uint16
	seq, ack uint32
	spot     int64 // payload in the spool
	n        int32
	cut      int32 // bytes after the payload that the snapshot length cut off
	comment  string
}

// rebuildAll makes the packets of all rebuilt conversations.
func (e *emitter) rebuildAll(ctx context.Context) error {
	chunks, err := e.src.gather(ctx, e.convs, e.spool)
	if err != nil {
		return err
	}
	for i, c := range e.convs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !c.Rebuilt {
			continue
		}
		n, _ := slices.BinarySearchFunc(chunks, int32(i+1), func(k chunk, conv int32) int { return cmp.Compare(k.conv, conv) })
		e.rebuild(int32(i), c, chunks[:n])
		chunks = chunks[n:]
	}
	slices.SortStableFunc(e.made, func(a, b made) int { return a.at.Compare(b.at) })
	return nil
}

// A rebuilder makes the packets of one conversation: the frame leg's handshake
// and close with the chunks of all pieces between.
type rebuilder struct {
	e       *emitter
	conv    int32
	next    [2]uint32 // sequence number of the next byte, by direction (1 = reply)
	start   [2]uint32
	acked   [2]uint32 // by direction of the bytes
	end     [2]int64  // time of the FIN or RST of the frame's halves; 0 = none
	rst     [2]bool
	now     index.Moment
	late    [2]int64 // bytes after the close, left out
	lastDir int
}

func (e *emitter) rebuild(i int32, c *plan.Conversation, chunks []chunk) {
	b := &rebuilder{e: e, conv: i, lastDir: -1}
	leg := c.Frame.Conn
	for d, h := range [2]index.HalfNo{leg.Orig, leg.Reply} {
		if h == 0 {
			b.next[d] = 1
			continue
		}
		half := e.src.Index.Half(h)
		b.next[d] = half.Base
		b.end[d], b.rst[d] = int64(half.EndTime), half.RST
	}
	b.start, b.acked = b.next, b.next
	b.now = c.First
	if !c.Frame.Midstream && leg.Orig != 0 && leg.Reply != 0 {
		b.handshake(e.src.Index.Half(leg.Orig), e.src.Index.Half(leg.Reply))
	}
	k, _ := slices.BinarySearchFunc(chunks, true, func(c chunk, reply bool) int { return compareBool(c.reply, reply) })
	b.interleave(raise(chunks[:k]), raise(chunks[k:]))
	b.close()
}

// raise makes times run forward within one direction.
func raise(chunks []chunk) []chunk {
	for i := range chunks {
		if i > 0 && chunks[i].at.Nanos < chunks[i-1].at.Nanos {
			chunks[i].at = chunks[i-1].at
		}
	}
	return chunks
}

// handshake makes SYN, SYN-ACK and ACK.
func (b *rebuilder) handshake(orig, reply *reassembly.Half) {
	b.add(made{at: b.now, flags: tcpip.FlagSYN, seq: orig.Base - 1})
	answer := index.Moment{Nanos: max(int64(reply.FirstTime), b.now.Nanos), Ref: reply.First}
	b.now = answer
	b.add(made{at: answer, reply: true, flags: tcpip.FlagSYN | tcpip.FlagACK, seq: reply.Base - 1, ack: orig.Base})
	b.add(made{at: answer, flags: tcpip.FlagACK, seq: orig.Base, ack: reply.Base})
}

func (b *rebuilder) add(m made) {
	m.conv = b.conv
	b.e.made = append(b.e.made, m)
}

// interleave makes the packets of both directions.
func (b *rebuilder) interleave(sent, received []chunk) {
	_ = inOrder(sent, received, func(c *chunk) error {
		b.chunk(side(c.reply), c)
		return nil
	})
	b.acknowledge(b.lastDir)
}

// chunk makes the packets of one chunk. A hole becomes a hole: its sequence
// numbers are passed over.
func (b *rebuilder) chunk(d int, c *chunk) {
	if c.at.Nanos > b.now.Nanos {
		b.now = c.at
	}
	if b.end[d] != 0 && c.at.Nanos > b.end[d] {
		b.late[d] += c.n + c.cut
		return
	}
	if b.lastDir != d {
		b.acknowledge(b.lastDir)
		b.lastDir = d
	}
	for off := int64(0); off < c.n+c.cut; off += maxSegment {
		n := min(c.n+c.cut-off, maxSegment)
		if !c.gap {
			seen := max(min(c.n-off, n), 0)
			b.add(made{at: b.now, reply: d == 1, flags: tcpip.FlagPSH | tcpip.FlagACK, seq: b.next[d], ack: b.next[1-d],
				spot: c.spot + off, n: int32(seen), cut: int32(n - seen)})
		}
		b.next[d] += uint32(n)
		if b.next[d]-b.acked[d] >= ackEvery {
			b.acknowledge(d)
		}
	}
}

// acknowledge makes a pure ACK for the bytes sent in direction d.
func (b *rebuilder) acknowledge(d int) {
	if d < 0 || b.acked[d] == b.next[d] {
		return
	}
	b.acked[d] = b.next[d]
	b.add(made{at: b.now, reply: d == 0, flags: tcpip.FlagACK, seq: b.next[1-d], ack: b.next[d]})
}

// close makes FIN or RST of both directions at the times they had.
func (b *rebuilder) close() {
	order := [2]int{0, 1}
	if b.end[1] != 0 && (b.end[0] == 0 || b.end[1] < b.end[0]) {
		order = [2]int{1, 0}
	}
	for _, d := range order {
		if b.end[d] == 0 {
			continue
		}
		if b.end[d] > b.now.Nanos {
			b.now = index.Moment{Nanos: b.end[d], Ref: b.now.Ref}
		}
		m := made{at: b.now, reply: d == 1, flags: tcpip.FlagFIN | tcpip.FlagACK, seq: b.next[d], ack: b.next[1-d]}
		if b.rst[d] {
			m.flags = tcpip.FlagRST | tcpip.FlagACK
		}
		if b.late[d] > 0 {
			m.comment = fmt.Sprintf("pcapmesh: %d bytes after the close left out", b.late[d])
		}
		b.add(m)
		if b.rst[d] {
			return
		}
		b.next[d]++
		b.acknowledge(d)
	}
}

// writeMade writes the made packets that come before the given moment.
func (e *emitter) writeMade(until index.Moment) error {
	for len(e.made) > 0 && e.made[0].at.Compare(until) < 0 {
		if err := e.writeOne(&e.made[0]); err != nil {
			return err
		}
		e.made = e.made[1:]
	}
	return nil
}

func (e *emitter) writeOne(m *made) error {
	c := e.convs[m.conv]
	h := tcpip.Header{Src: c.Client, Dst: c.Server, Seq: m.seq, Ack: m.ack, Flags: m.flags, Window: 65535, WScale: -1}
	leg := c.Frame.Conn
	side := leg.Orig
	if m.reply {
		h.Src, h.Dst, side = c.Server, c.Client, leg.Reply
	}
	if m.flags&tcpip.FlagACK == 0 {
		h.Ack = 0
	}
	if m.flags&tcpip.FlagSYN != 0 {
		half := e.src.Index.Half(side)
		h.MSS, h.WScale = half.MSS, half.WScale
	}
	payload, err := e.spool.read(m.spot, int(m.n))
	if err != nil {
		return err
	}
	iface, err := e.iface(leg.Place)
	if err != nil {
		return err
	}
	e.buf = tcpip.AppendTCP(e.buf[:0], &h, append(payload, make([]byte, m.cut)...))
	var comments []string
	if e.o.Comments != commentNone {
		if !e.begun[m.conv] {
			e.begun[m.conv] = true
			comments = append(comments, e.src.Planner.Comments(c)...)
		}
		if m.comment != "" {
			comments = append(comments, m.comment)
		}
	}
	e.sum.Packets++
	return e.out.WritePacket(iface, capture.Time(m.at.Nanos), uint32(len(e.buf)), 0, comments, e.buf[:len(e.buf)-int(m.cut)])
}
