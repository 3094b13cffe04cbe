package reassembly_test

import (
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// counts are what a half counts of its payload.
type counts struct {
	bytes, missing, differ int64
	again, before          uint32
	next                   uint32 // sequence number
	rst                    bool
}

func countsOf(h *reassembly.Half) counts {
	return counts{h.Bytes, h.Missing, h.Conflict, h.Retrans, h.Before, h.Next, h.RST}
}

func TestCounts(t *testing.T) {
	for _, tt := range []struct {
		name  string
		build func(c *pcap.Connection)
		want  counts
	}{
		{"nothing", func(*pcap.Connection) {}, counts{next: 1001}},
		{"once", func(c *pcap.Connection) { c.Send("abc") }, counts{bytes: 3, next: 1004}},
		{"keep-alive probes", func(c *pcap.Connection) { c.Send("abc"); c.SendAt(2, "?"); c.SendAt(2, "") }, counts{bytes: 3, next: 1004}},
		{"the last byte but one again", func(c *pcap.Connection) { c.Send("abc"); c.SendAt(1, "?") }, counts{bytes: 3, again: 1, next: 1004}},
		{"the last two again", func(c *pcap.Connection) { c.Send("abc"); c.SendAt(1, "bc") }, counts{bytes: 3, again: 1, next: 1004}},
		{"more again", func(c *pcap.Connection) { c.Send("abc"); c.SendAt(1, "bcd") }, counts{bytes: 4, next: 1005}},
		{"the number of the SYN", func(c *pcap.Connection) { c.SendAt(-1, "?") }, counts{next: 1001}},
		{"before the SYN", func(c *pcap.Connection) { c.SendAt(-2, "?"); c.SendAt(-2, "??a") }, counts{bytes: 1, again: 1, next: 1002}},
		{"held back again", func(c *pcap.Connection) { c.SendAt(2, "c"); c.SendAt(2, "c") }, counts{bytes: 1, missing: 2, again: 1, next: 1004}},
		{"more held back again", func(c *pcap.Connection) { c.SendAt(2, "c"); c.SendAt(1, "bcd") }, counts{bytes: 3, missing: 1, next: 1005}},
		{"other bytes held back", func(c *pcap.Connection) { c.SendAt(2, "cde"); c.SendAt(1, "bXdY") }, counts{bytes: 4, missing: 1, differ: 2, next: 1006}},
		{"other bytes than were delivered", func(c *pcap.Connection) { c.Send("abc"); c.SendAt(0, "xyz") }, counts{bytes: 3, again: 1, next: 1004}},
		{"other bytes than were cut off", func(c *pcap.Connection) { c.Snap(1).SendAt(1, "bcd"); c.Snap(-1).SendAt(1, "XYZ") }, counts{bytes: 1, missing: 3, differ: 1, again: 1, next: 1005}},
		{"other bytes of many packets", func(c *pcap.Connection) {
			for i := range 70 {
				c.SendAt(int64(1+i), "x")
			}
			c.SendAt(1, strings.Repeat("y", 70))
		}, counts{bytes: 70, missing: 1, differ: 64, again: 1, next: 1072}},
		{"cut off", func(c *pcap.Connection) { c.Snap(1).Send("abc"); c.Snap(0).Send("de") }, counts{bytes: 1, missing: 4, next: 1006}},
		{"after a FIN", func(c *pcap.Connection) { c.Send("abc"); c.FIN(); c.SendAt(0, "abc"); c.SendAt(3, "d") }, counts{bytes: 3, again: 2, next: 1004}},
		{"after both FINs", func(c *pcap.Connection) { c.Send("abc"); c.Close(); c.SendAt(0, "abc"); c.Ack() }, counts{bytes: 3, again: 1, next: 1004}},
		{"behind a FIN that waits", func(c *pcap.Connection) { c.Send("abc"); c.Lose(1); c.FIN(); c.SendAt(2, "cd"); c.SendAt(3, "d") }, counts{bytes: 1, missing: 2, next: 1004}},
		{"a reset", func(c *pcap.Connection) { c.Send("abc"); c.RST() }, counts{bytes: 3, next: 1004, rst: true}},
		{"a reset after a FIN", func(c *pcap.Connection) { c.Send("abc"); c.FIN(); c.RST() }, counts{bytes: 3, next: 1004, rst: true}},
		{"a reset far away after a FIN", func(c *pcap.Connection) { c.Send("abc"); c.FIN(); c.RST().Seq += 1 << 20 }, counts{bytes: 3, next: 1004}},
		{"a reset far away", func(c *pcap.Connection) { c.Send("abc"); c.RST().Seq += 1 << 20 }, counts{bytes: 3, next: 1004}},
		{"a reset with a gap before it", func(c *pcap.Connection) { c.SendAt(2, "cd"); c.RST().Seq = 1001 }, counts{bytes: 2, missing: 2, next: 1005, rst: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := pcap.Conn(client, server)
			c.Handshake()
			tt.build(c)
			table, _ := assemble(t, c.Segments(), nil)
			if got := countsOf(table.Half(1)); got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

// Bytes before the base are counted, and not more than there are.
func TestCountsBeforeTheBase(t *testing.T) {
	for _, tt := range []struct {
		name string
		off  int64
		data string
		want counts
	}{
		{"all of it", 5, "123", counts{bytes: 3, again: 1, before: 3, next: 1014}},
		{"up to the base", 7, "123", counts{bytes: 3, again: 1, before: 3, next: 1014}},
		{"one byte", 9, "0", counts{bytes: 3, again: 1, before: 1, next: 1014}},
		{"a part", 8, "12abc", counts{bytes: 3, again: 1, before: 2, next: 1014}},
		{"a part, and more", 8, "12abcd", counts{bytes: 4, before: 2, next: 1015}},
		{"none", 10, "abc", counts{bytes: 3, again: 1, next: 1014}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := pcap.Conn(client, server)
			c.SendAt(10, "abc")
			for range 8 {
				c.SendAt(13, "")
			}
			c.AckReply()
			c.SendAt(tt.off, tt.data)
			table, _ := assemble(t, c.Segments(), nil)
			if got := countsOf(table.Half(1)); got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestKeepAliveIsNoRetransmission(t *testing.T) {
	c := pcap.Conn(client, server)
	c.Handshake()
	c.Send("abc")
	c.SendAt(2, "?")
	c.SendAt(2, "")
	table, _ := assemble(t, c.Segments(), nil)
	if h := table.Half(1); h.Retrans != 0 || h.Bytes != 3 {
		t.Errorf("Retrans = %d, Bytes = %d, want 0, 3", h.Retrans, h.Bytes)
	}
}
