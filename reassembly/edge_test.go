package reassembly_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// An edge is a world with a number in it: up to at it reads as in, from the next
// one on as out. Both are the streams of the halves, '…' for a gap too long to be
// written, and who answers whom.
type edge struct {
	name    string
	at      int64
	build   func(c *pcap.Connection, n int64)
	in, out string
}

// edges are those of what a packet may be away from, in bytes, packets and time.
var edges = []edge{
	{"an answer to a SYN", 0, func(c *pcap.Connection, n int64) { c.SYN(); c.SYNACK().Ack += uint32(n) }, "| 1<-2", "|"},
	{"an answer to a SYN with data", 0, func(c *pcap.Connection, n int64) { c.SYN("abc"); c.SYNACK().Ack += uint32(n) }, "abc| 1<-2", "abc|"},
	{"an answer to a SYN without its data", 0, func(c *pcap.Connection, n int64) { c.SYN("abc"); c.SYNACK().Ack += uint32(n) - 3 }, "abc| 1<-2", "abc|"},
	{"an answer by number", 0, func(c *pcap.Connection, n int64) { torn(c).SYN(); c.SYNACK().Ack += uint32(n) }, "| 1<-2", "|"},
	{"an answer by number with data", 0, func(c *pcap.Connection, n int64) { torn(c).SYN("abc"); c.SYNACK().Ack += uint32(n) }, "abc| 1<-2", "abc|"},
	{"an answer by number without the data", 0, func(c *pcap.Connection, n int64) { torn(c).SYN("abc"); c.SYNACK().Ack += uint32(n) - 3 }, "abc| 1<-2", "abc|"},
	{"an answer by number before its SYN", 0, func(c *pcap.Connection, n int64) { torn(c).SYN("abc"); c.SYNACK().Ack += uint32(n); c.Swap() }, "|abc 2<-1", "|abc"},
	{"an answer by number without the data, before its SYN", 0, func(c *pcap.Connection, n int64) {
		torn(c).SYN("abc")
		c.SYNACK().Ack += uint32(n) - 3
		c.Swap()
	}, "|abc 2<-1", "|abc"},
	{"time for an answer by number", int64(180 * time.Second), func(c *pcap.Connection, n int64) {
		torn(c).Step(0).SYN()
		c.Wait(time.Duration(n))
		c.SYNACK()
	}, "| 1<-2", "|"},
	{"an acknowledgement ahead, in the middle", 8 * mib, func(c *pcap.Connection, n int64) { c.Send("abc"); c.AckReply().Ack += uint32(n) }, "abc…| 1<-2", "abc|"},
	{"an acknowledgement behind, in the middle", 8 * mib, func(c *pcap.Connection, n int64) { c.Send("abc"); c.AckReply().Ack -= uint32(n) }, "abc| 1<-2", "abc|"},
	{"an acknowledgement of less than the SYN", 0, func(c *pcap.Connection, n int64) { c.SYN(); c.AckReply().Ack = 1000 - uint32(n) }, "| 1<-2", "|"},

	{"far ahead in both numbers", 64 * mib, func(c *pcap.Connection, n int64) { old(c); c.SendAt(3+n, "new").Ack += 80 * mib }, "old…new| 1<-2", "old||new 1<-2"},
	{"far behind in both numbers", 64 * mib, func(c *pcap.Connection, n int64) { old(c); c.SendAt(3-n, "new").Ack += 80 * mib }, "old| 1<-2", "old||new 1<-2"},
	{"far, and acknowledges far ahead", 64 * mib, func(c *pcap.Connection, n int64) { old(c); c.SendAt(80*mib, "new").Ack += uint32(n) }, "old…new| 1<-2", "old||new 1<-2"},
	{"far, and acknowledges far behind", 64 * mib, func(c *pcap.Connection, n int64) { old(c); c.SendAt(80*mib, "new").Ack -= uint32(n) }, "old…new| 1<-2", "old||new 1<-2"},
	{"far, and the timestamp ahead", 10_000, func(c *pcap.Connection, n int64) { far(c, 0).TSVal += uint32(n) }, "old…new| 1<-2", "old||new 1<-2"},
	{"far, and the timestamp behind", 10_000, func(c *pcap.Connection, n int64) { far(c, 0).TSVal -= uint32(n) }, "old…new| 1<-2", "old||new 1<-2"},
	{"far, and the timestamp ahead of the clock", 11_000, func(c *pcap.Connection, n int64) { far(c, time.Second).TSVal += uint32(n) }, "old…new| 1<-2", "old||new 1<-2"},

	{"data behind a FIN", 0, func(c *pcap.Connection, n int64) { old(c); c.FIN(); c.SendAt(3+n, "new") }, "old| 1<-2", "old||new 1<-2"},
	{"data before a FIN", mib, func(c *pcap.Connection, n int64) { old(c); c.Close(); c.SendAt(3-n, "new") }, "old| 1<-2", "old||new 1<-2"},
	{"data behind a reset", mib, func(c *pcap.Connection, n int64) { old(c); c.RST(); c.SendAt(3+n, "new") }, "old| 1<-2", "old||new 1<-2"},
	{"data before a reset", mib, func(c *pcap.Connection, n int64) { old(c); c.RST(); c.SendAt(3-n, "new") }, "old| 1<-2", "old||new 1<-2"},
	{"a packet behind a FIN", 64*kib - 2, func(c *pcap.Connection, n int64) { old(c); c.FIN(); c.Ack().Seq = 1004 + uint32(n) }, "old| 1<-2", "old|| 1<-2"},
	{"an acknowledgement behind a FIN", 64*kib - 2, func(c *pcap.Connection, n int64) { old(c); c.FINReply(); c.Ack().Ack = 5001 + uint32(n) }, "old| 1<-2", "old|| 1<-2"},
	{"a packet before a FIN", mib, func(c *pcap.Connection, n int64) {
		old(c)
		c.Close()
		p := c.Ack()
		p.Seq, p.Ack = 1004-uint32(n), p.Ack-4*mib
	}, "old| 1<-2", "old|| 1<-2"},
	{"an acknowledgement before a FIN", mib, func(c *pcap.Connection, n int64) {
		old(c)
		c.Close()
		p := c.Ack()
		p.Seq, p.Ack = p.Seq-4*mib, p.Ack-uint32(n)
	}, "old| 1<-2", "old|| 1<-2"},

	{"a SYN behind the first data", mib, func(c *pcap.Connection, n int64) { c.SYN(); c.SendAt(n, "abc"); c.Swap() }, "…abc", "abc|"},
	{"a SYN behind the first packet", mib, func(c *pcap.Connection, n int64) { c.SYN(); c.SendAt(n, ""); c.Swap(); c.SendAt(n, "abc") }, "…abc", "|…abc"},

	{"early data, in the middle", 7, func(c *pcap.Connection, n int64) {
		for i := range n {
			c.SendAt(10, strings.Repeat("x", int(i+1)))
		}
		c.SendAt(9, "a")
	}, "axxxxxxx", "xxxxxxxx"},
	{"early data that is acknowledged, in the middle", 0, func(c *pcap.Connection, n int64) {
		c.SendAt(10, "abc")
		c.AckReply().Ack = 1011 + uint32(n)
		c.SendAt(5, "early")
	}, "earlyabc| 1<-2", "abc| 1<-2"},
	{"packets behind the acknowledgement of a gap", 14, func(c *pcap.Connection, n int64) {
		c.Handshake()
		c.SendAt(3, "def")
		for range n {
			c.AckReply()
		}
		c.SendAt(0, "abc")
	}, "abcdef| 1<-2", "...def| 1<-2"},
	{"the acknowledgement of a part of a gap", 2, func(c *pcap.Connection, n int64) {
		c.Handshake()
		c.SendAt(3, "def")
		for range 20 {
			c.AckReply().Ack = 1001 + uint32(n)
		}
		c.SendAt(0, "abc")
	}, "abcdef| 1<-2", "...def| 1<-2"},
	{"a packet ahead", 1024 * mib, func(c *pcap.Connection, n int64) { old(c); c.SendAt(3+n, "new") }, "old…new| 1<-2", "old| 1<-2"},
	{"packets far ahead in a row", 7, func(c *pcap.Connection, n int64) {
		old(c)
		for range n {
			c.SendAt(1100*mib, "new")
		}
	}, "old| 1<-2", "old…new| 1<-2"},
	{"an acknowledged byte that may be a FIN", 1, func(c *pcap.Connection, n int64) { old(c); c.AckReply().Ack += uint32(n) }, "old| 1<-2", "old..| 1<-2"},
	{"the end that is known from its acknowledgement", 16 * mib, func(c *pcap.Connection, n int64) { old(c); c.AckReply().Ack += uint32(n) }, "old…| 1<-2", "old| 1<-2"},
	{"a reset ahead", 64 * kib, func(c *pcap.Connection, n int64) { old(c); c.RST().Seq += uint32(n); c.Send("more") }, "old| 1<-2", "oldmore| 1<-2"},
	{"a reset behind what is acknowledged", 3, func(c *pcap.Connection, n int64) { old(c); c.RST().Seq -= uint32(n); c.Send("more") }, "old| 1<-2", "oldmore| 1<-2"},
	{"a reset behind, nothing acknowledged", mib, func(c *pcap.Connection, n int64) { c.SYN(); c.RST().Seq -= uint32(n); c.Send("more") }, "", "more"},
}

// torn makes c half-flows.
func torn(c *pcap.Connection) *pcap.Connection { return c.Redirect("127.0.0.1:15001") }

// old sends three bytes that are not acknowledged.
func old(c *pcap.Connection) {
	c.Handshake()
	c.Send("old")
}

// far sends data that only its timestamp ties to what was sent before.
func far(c *pcap.Connection, wait time.Duration) *pcap.Packet {
	old(c.Timestamps().Step(0))
	c.Wait(wait)
	p := c.SendAt(80*mib, "new")
	p.Ack += 80 * mib
	return p
}

func TestEdges(t *testing.T) {
	for _, e := range edges {
		t.Run(e.name, func(t *testing.T) {
			for n, want := range map[int64]string{e.at: e.in, e.at + 1: e.out} {
				c := pcap.Conn(client, server)
				e.build(c, n)
				table, rec := assemble(t, c.Segments(), nil)
				if got := told(table, rec); got != want {
					t.Errorf("%d: %q, want %q", n, got, want)
				}
			}
		})
	}
}

// told puts the streams and the bindings into one line.
func told(table *reassembly.Table, rec *recorder) string {
	var streams []string
	for id := 1; id <= table.Len(); id++ {
		streams = append(streams, strings.ReplaceAll(rec.text(reassembly.HalfID(id)), strings.Repeat(".", gapText), "…"))
	}
	return strings.Join(append([]string{strings.Join(streams, "|")}, rec.binds...), " ")
}

// holdEdges are those of what may be held back behind a gap.
var holdEdges = []struct {
	name  string
	at    int
	o     *reassembly.Options
	build func(c *pcap.Connection, n int)
}{
	{"packets", 4096, nil, each(1, 1)},
	{"more packets than there may be", 4096, &reassembly.Options{HoldPackets: 5000}, each(1, 1)},
	{"fewer packets", 3, &reassembly.Options{HoldPackets: 3}, each(1, 1)},
	{"one packet", 1, &reassembly.Options{HoldPackets: 1}, each(1, 1)},
	{"bytes", 4 * mib / 4096, nil, each(4096, 4096)},
	{"fewer bytes", 60, &reassembly.Options{HoldBytes: 60}, each(1, 1)},
	{"gaps", 256, nil, each(1, 2)},
	{"total, in one packet", 8 * 508, &reassembly.Options{HoldTotal: 8*508 + 507}, func(c *pcap.Connection, n int) { c.SendAt(1, strings.Repeat("x", n)) }},
	{"total but a quarter, in many packets", 30, &reassembly.Options{HoldTotal: 40 * 508}, each(1, 1)},
	{"packets when others have all but a quarter", 8, &reassembly.Options{HoldTotal: 40 * 508}, func(c *pcap.Connection, n int) {
		d := c.Trace.Conn("10.0.0.9:4000", server)
		d.Handshake()
		each(1, 1)(d, 30)
		each(1, 1)(c, n)
	}},
}

// each sends n packets of some bytes behind a gap, one every so many bytes.
func each(bytes, every int) func(c *pcap.Connection, n int) {
	return func(c *pcap.Connection, n int) {
		for i := range n {
			c.SendAt(int64(1+i*every), strings.Repeat("x", bytes))
		}
	}
}

// The byte before what is held back is welcome until there is too much of it.
func TestHoldEdges(t *testing.T) {
	for _, e := range holdEdges {
		t.Run(e.name, func(t *testing.T) {
			for n, want := range map[int]string{e.at: "ax", e.at + 1: ".x"} {
				c := pcap.Conn(client, server)
				c.Handshake()
				e.build(c, n)
				c.SendAt(0, "a")
				_, rec := assemble(t, c.Segments(), e.o)
				if got := rec.text(1)[:2]; got != want {
					t.Errorf("%d: begins with %q, want %q", n, got, want)
				}
			}
		})
	}
}
