// Package pcap builds TCP conversations in Go, so that a test reads as the
// case it tests:
//
//	c := pcap.Conn("10.0.0.1:4000", "10.0.0.2:80").ISN(1000, 2000)
//	c.Handshake()
//	c.Send("GET / HTTP/1.1\r\n\r\n")
//	c.Lose(1)
//	c.Reply("HTTP/1.1 200 OK\r\n\r\n")
//	c.Close()
//
// The packets come out as segments, or as the bytes of a pcap or pcapng file.
// It is for tests only: wrong use panics.
package pcap

import (
	"net/netip"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// start is the capture time of the first packet of a Trace.
var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// A Packet is one packet of a trace: a segment with its own payload, and what
// only a file shows.
type Packet struct {
	tcpip.Segment
	Interface string // "" is the trace's only one
	Cut       int    // captured payload bytes, -1 for all
}

// A Trace collects the packets of one or more conversations in capture order.
// The zero Trace is empty and ready to use.
type Trace struct {
	packets []*Packet
	now     time.Time
}

// Connection is one TCP connection in a Trace. Offsets count from the first
// payload byte of a direction.
type Connection struct {
	*Trace
	orig, reply side
	point       tcpip.Point
	iface       string
	ts          bool
	cut         int
	step        time.Duration
	clock       uint32
}

// A side is one direction as its packets show it.
type side struct {
	src, dst netip.AddrPort
	isn      uint32
	next     uint64 // stream offset of the next Send, without SYN
	ipid     uint16
	fin      bool
	mss      uint16
	wscale   int8
}

// Conn returns a connection in a trace of its own. The addresses are
// "ip:port". Initial sequence numbers are 1000 and 5000.
func Conn(orig, dst string) *Connection { return new(Trace).Conn(orig, dst) }

// Conn adds a connection to the trace.
func (t *Trace) Conn(orig, dst string) *Connection {
	o, d := netip.MustParseAddrPort(orig), netip.MustParseAddrPort(dst)
	return &Connection{
		Trace: t,
		orig:  side{src: o, dst: d, isn: 1000, mss: 1460, wscale: 7},
		reply: side{src: d, dst: o, isn: 5000, mss: 1460, wscale: 7},
		cut:   -1,
		step:  100 * time.Microsecond,
	}
}

// ISN sets the initial sequence numbers of the client and of the server; a
// missing second one leaves the server's.
func (c *Connection) ISN(isn ...uint32) *Connection {
	c.orig.isn = isn[0]
	if len(isn) > 1 {
		c.reply.isn = isn[1]
	}
	return c
}

// Redirect makes the connection appear as the two half-flows of an iptables
// REDIRECT: requests go to the proxy's listener, e.g. "127.0.0.1:15001", while
// replies still come from the address that was dialled.
func (c *Connection) Redirect(listener string) *Connection {
	c.orig.dst = netip.MustParseAddrPort(listener)
	return c
}

// RedirectFrom is Redirect with the request half's source port changed too, as
// on a collision of tuples.
func (c *Connection) RedirectFrom(src, listener string) *Connection {
	c.orig.src = netip.MustParseAddrPort(src)
	return c.Redirect(listener)
}

// At sets the capture point and the interface name of further packets.
func (c *Connection) At(point tcpip.Point, iface string) *Connection {
	c.point, c.iface = point, iface
	return c
}

// MSS sets the maximum segment size options of the two SYNs.
func (c *Connection) MSS(orig, reply uint16) *Connection {
	c.orig.mss, c.reply.mss = orig, reply
	return c
}

// Timestamps turns the RFC 7323 timestamps option on.
func (c *Connection) Timestamps() *Connection {
	c.ts = true
	return c
}

// Snap cuts further packets to n payload bytes; -1 captures all.
func (c *Connection) Snap(n int) *Connection {
	c.cut = n
	return c
}

// Step sets the time between packets, 100 µs unless set.
func (c *Connection) Step(d time.Duration) *Connection {
	c.step = d
	return c
}

// Wait lets time pass before the next packet.
func (t *Trace) Wait(d time.Duration) { t.now = t.time().Add(d) }

func (t *Trace) time() time.Time {
	if t.now.IsZero() {
		t.now = start
	}
	return t.now
}

// Handshake adds SYN, SYN-ACK and ACK.
func (c *Connection) Handshake() {
	c.SYN()
	c.SYNACK()
	c.Ack()
}

// SYN adds the client's SYN, with data if given (RFC 7413).
func (c *Connection) SYN(data ...string) *Packet {
	p := c.packet(&c.orig, &c.reply, 0, join(data), tcpip.FlagSYN)
	p.Seq, p.MSS, p.WScale = c.orig.isn, c.orig.mss, c.orig.wscale
	p.Ack = 0
	c.orig.next = uint64(len(join(data)))
	return p
}

// SYNACK adds the server's answer.
func (c *Connection) SYNACK() *Packet {
	p := c.packet(&c.reply, &c.orig, 0, "", tcpip.FlagSYN|tcpip.FlagACK)
	p.Seq, p.MSS, p.WScale = c.reply.isn, c.reply.mss, c.reply.wscale
	return p
}

// Refuse adds the reset with which a closed port answers a SYN.
func (c *Connection) Refuse() *Packet {
	p := c.packet(&c.reply, &c.orig, 0, "", tcpip.FlagRST|tcpip.FlagACK)
	p.Seq = 0
	return p
}

// Send adds a packet with the client's next bytes.
func (c *Connection) Send(data string) *Packet { return c.SendAt(int64(c.orig.next), data) }

// SendAt adds a packet with client bytes at a stream offset, which may be
// negative.
func (c *Connection) SendAt(off int64, data string) *Packet {
	return c.data(&c.orig, &c.reply, off, data)
}

// Reply adds a packet with the server's next bytes.
func (c *Connection) Reply(data string) *Packet { return c.ReplyAt(int64(c.reply.next), data) }

// ReplyAt adds a packet with server bytes at a stream offset, which may be
// negative.
func (c *Connection) ReplyAt(off int64, data string) *Packet {
	return c.data(&c.reply, &c.orig, off, data)
}

// Ack adds a client packet without payload that acknowledges all replies.
func (c *Connection) Ack() *Packet { return c.data(&c.orig, &c.reply, int64(c.orig.next), "") }

// AckReply adds a server packet without payload that acknowledges all that the
// client sent.
func (c *Connection) AckReply() *Packet { return c.data(&c.reply, &c.orig, int64(c.reply.next), "") }

// FIN adds the client's FIN.
func (c *Connection) FIN() *Packet { return c.end(&c.orig, &c.reply, tcpip.FlagFIN) }

// FINReply adds the server's FIN.
func (c *Connection) FINReply() *Packet { return c.end(&c.reply, &c.orig, tcpip.FlagFIN) }

// RST adds a reset by the client.
func (c *Connection) RST() *Packet { return c.end(&c.orig, &c.reply, tcpip.FlagRST) }

// RSTReply adds a reset by the server.
func (c *Connection) RSTReply() *Packet { return c.end(&c.reply, &c.orig, tcpip.FlagRST) }

// Close adds FIN, FIN and the last acknowledgement.
func (c *Connection) Close() {
	c.FIN()
	c.FINReply()
	c.Ack()
}

func (c *Connection) end(from, to *side, flag uint16) *Packet {
	p := c.data(from, to, int64(from.next), "")
	p.Flags |= flag
	if flag == tcpip.FlagFIN {
		from.fin = true
	}
	return p
}

// data adds a packet and moves the side on.
func (c *Connection) data(from, to *side, off int64, data string) *Packet {
	p := c.packet(from, to, off, data, tcpip.FlagACK)
	if data != "" {
		p.Flags |= tcpip.FlagPSH
	}
	if from.fin && data == "" {
		p.Seq++ // after the FIN
	}
	if end := off + int64(len(data)); end > int64(from.next) {
		from.next = uint64(end)
	}
	return p
}

// packet adds a packet that acknowledges all that the other side has sent.
func (c *Connection) packet(from, to *side, off int64, data string, flags uint16) *Packet {
	c.now = c.time().Add(c.step)
	if from.src.Addr().Is4() {
		from.ipid++
	}
	p := &Packet{Interface: c.iface, Cut: c.cut}
	p.Time = capture.Time(c.now.UnixNano())
	p.Key = tcpip.Key{
		Src: tcpip.AddrFrom(from.src.Addr()), Dst: tcpip.AddrFrom(from.dst.Addr()),
		SrcPort: from.src.Port(), DstPort: from.dst.Port(), Point: c.point,
	}
	p.Seq = from.isn + 1 + uint32(off)
	p.Ack = to.isn + 1 + uint32(to.next)
	if to.fin {
		p.Ack++
	}
	p.Flags, p.Window, p.IPID, p.WScale = flags, 64240, from.ipid, -1
	p.Bytes, p.Wire = []byte(data), uint32(len(data))
	c.stamp(p)
	c.packets = append(c.packets, p)
	return p
}

// stamp sets the timestamps option: one clock in milliseconds for both sides.
func (c *Connection) stamp(p *Packet) {
	if !c.ts {
		return
	}
	p.HasTS, p.TSVal = true, uint32(c.now.Sub(start)/time.Millisecond)+1
	p.TSEcr, c.clock = c.clock, p.TSVal
}

func join(parts []string) string {
	s := ""
	for _, p := range parts {
		s += p
	}
	return s
}
