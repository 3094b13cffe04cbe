package reassembly_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// bindTests are about which packets make a half and which halves answer each
// other.
var bindTests = []streamTest{
	{
		name: "data on SYN",
		build: func(c *pcap.Connection) {
			c.SYN("hello ")
			c.SYNACK()
			c.Ack()
			c.Send("world")
		},
		want:  []string{"hello world", ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name:  "refused",
		build: func(c *pcap.Connection) { c.SYN(); c.Refuse() },
		want:  []string{"", ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndRST},
		binds: []string{"1<-2"},
	},
	{
		name: "a new SYN is a new half, a repeated one is not",
		build: func(c *pcap.Connection) {
			c.SYN()
			c.Repeat()
			c.SYNACK()
			c.Repeat()
			c.Send("old")
			d := c.Trace.Conn(client, server).ISN(1_000_000, 2_000_000)
			d.Handshake()
			d.Send("new")
			d.Close()
		},
		want:  []string{"old", "", "new", ""},
		ends:  []reassembly.End{reassembly.EndReuse, reassembly.EndReuse, reassembly.EndFIN, reassembly.EndFIN},
		binds: []string{"1<-2", "3<-4"},
	},
	{
		name: "a reset of what answers a SYN with old numbers is not of the SYN's half",
		build: func(c *pcap.Connection) {
			old := c.Trace.Conn(client, server).ISN(1_000_000_000, 2_000_000_000)
			c.SYN()
			old.AckReply()
			old.RST().Flags = tcpip.FlagRST
			c.Handshake()
			c.Send("new")
			c.Close()
		},
		want:  []string{"new", "", "", ""},
		ends:  []reassembly.End{reassembly.EndFIN, reassembly.EndReuse, reassembly.EndRST, reassembly.EndFIN},
		binds: []string{"1<-4"},
	},
	{
		name: "it is, where it may be the client's own",
		build: func(c *pcap.Connection) {
			c.SYN()
			c.RST().Flags = tcpip.FlagRST
		},
		want: []string{""},
		ends: []reassembly.End{reassembly.EndRST},
	},
	{
		name: "port reuse after close with the SYNs missing",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.Send("old")
			c.Close()
			d := c.Trace.Conn(client, server).ISN(100_000_000, 200_000_000)
			d.Send("new")
			d.Reply("answer")
			d.Ack()
		},
		want:  []string{"old", "", "new", "answer"},
		ends:  []reassembly.End{reassembly.EndFIN, reassembly.EndFIN, reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2", "3<-4"},
	},
	{
		name: "port reuse on open halves with SYNs and FINs missing",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.Send("old")
			d := c.Trace.Conn(client, server).ISN(1_000_000_000, 2_000_000_000)
			d.Send("new")
			d.Reply("answer")
		},
		want:  []string{"old", "", "new", "answer"},
		ends:  []reassembly.End{reassembly.EndReuse, reassembly.EndReuse, reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2", "3<-4"},
	},
	{
		name: "no new half while timestamps continue: an outage",
		build: func(c *pcap.Connection) {
			c.Timestamps().Handshake()
			c.Send("old")
			c.Reply("x")
			for range 10 {
				c.SendAt(1_200_000_000, "far").Ack += 1_100_000_000
			}
		},
		want:  []string{"old" + strings.Repeat(".", gapText) + "far", "x"},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "SYN captured after the first data",
		build: func(c *pcap.Connection) {
			c.SYN()
			c.Send("abc")
			c.Swap()
			c.SYNACK().Ack = 1001
			c.Send("def")
		},
		want:  []string{"abcdef", ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "SYN-ACK captured before its SYN",
		build: func(c *pcap.Connection) {
			c.SYN()
			c.SYNACK()
			c.Swap()
			c.Ack()
			c.Send("abc")
		},
		want:  []string{"", "abc"},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"2<-1"},
	},
	{
		name: "half-flows of a REDIRECT",
		build: func(c *pcap.Connection) {
			c.Redirect("127.0.0.1:15001").Handshake()
			c.Send("GET")
			c.Reply("200")
			c.Close()
		},
		want:  []string{"GET", "200"},
		ends:  []reassembly.End{reassembly.EndFIN, reassembly.EndFIN},
		binds: []string{"1<-2"},
	},
	{
		name: "half-flows, SYN captured after its answer",
		build: func(c *pcap.Connection) {
			c.Redirect("127.0.0.1:15001")
			c.SYN()
			c.SYNACK()
			c.Swap()
			c.Send("GET")
		},
		want:  []string{"", "GET"},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"2<-1"},
	},
	{
		name:  "half-flows, refused",
		build: func(c *pcap.Connection) { c.Redirect("127.0.0.1:15001"); c.SYN(); c.Refuse() },
		want:  []string{"", ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndRST},
		binds: []string{"1<-2"},
	},
	{
		name: "half-flows, a reset that acknowledges nothing",
		build: func(c *pcap.Connection) {
			torn(c).SYN()
			c.Refuse().Flags = tcpip.FlagRST
		},
		want: []string{"", ""},
		ends: []reassembly.End{reassembly.EndOpen, reassembly.EndRST},
	},
	{
		name:  "half-flows, the answer to the SYN lost",
		build: func(c *pcap.Connection) { torn(c).SYN(); c.AckReply() },
		want:  []string{"", ""},
		ends:  make([]reassembly.End, 2),
	},
	{
		name:  "a reset that acknowledges nothing",
		build: func(c *pcap.Connection) { c.SYN(); c.Refuse().Flags = tcpip.FlagRST },
		want:  []string{"", ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndRST},
	},
	{
		name:  "the SYN lost, its answer first",
		build: func(c *pcap.Connection) { c.SYNACK(); c.Ack() },
		want:  []string{"", ""},
		ends:  make([]reassembly.End, 2),
		binds: []string{"2<-1"},
	},
	{
		name:  "the SYN lost, its answer last",
		build: func(c *pcap.Connection) { c.SYNACK(); c.Ack(); c.Swap() },
		want:  []string{"", ""},
		ends:  make([]reassembly.End, 2),
		binds: []string{"1<-2"},
	},
	{
		name:  "the answer to the SYN lost, the SYN last",
		build: func(c *pcap.Connection) { c.SYN(); c.AckReply(); c.Swap() },
		want:  []string{"", ""},
		ends:  make([]reassembly.End, 2),
		binds: []string{"2<-1"},
	},
	{
		name: "half-flows on a collision of tuples",
		build: func(c *pcap.Connection) {
			c.Redirect("127.0.0.1:15001")
			d := c.Trace.Conn(client, "10.0.0.3:80").ISN(7000, 8000).RedirectFrom("10.0.0.1:40663", "127.0.0.1:15001")
			c.SYN()
			d.SYN()
			d.SYNACK()
			c.SYNACK()
			c.Send("to 2")
			d.Send("to 3")
		},
		want:  []string{"to 2", "to 3", "", ""},
		ends:  make([]reassembly.End, 4),
		binds: []string{"2<-3", "1<-4"},
	},
	{
		name: "two candidates bind none",
		build: func(c *pcap.Connection) {
			c.Redirect("127.0.0.1:15001").SYN()
			c.Trace.Conn("10.0.0.1:4002", server).RedirectFrom("10.0.0.1:4002", "127.0.0.1:15001").SYN()
			c.SYNACK()
		},
		want: []string{"", "", ""},
		ends: make([]reassembly.End, 3),
	},
	{
		name: "another point's numbers do not bind",
		build: func(c *pcap.Connection) {
			c.Redirect("127.0.0.1:15001").SYN()
			c.At(1, "lo").SYNACK()
		},
		want: []string{"", ""},
		ends: make([]reassembly.End, 2),
	},
	{
		name: "an answer comes too late to bind by numbers",
		build: func(c *pcap.Connection) {
			c.Redirect("127.0.0.1:15001").SYN()
			c.Wait(10 * time.Minute)
			c.SYNACK()
		},
		want: []string{"", ""},
		ends: make([]reassembly.End, 2),
	},
	{
		name: "SYN captured late and the bytes after it lost",
		build: func(c *pcap.Connection) {
			c.SYN()
			c.SendAt(3, "def")
			c.Swap()
			c.SendAt(6, "ghi")
		},
		want: []string{"...defghi"},
		ends: make([]reassembly.End, 1),
	},
	{
		name: "SYN captured late, the base already fixed",
		build: func(c *pcap.Connection) {
			c.SYN()
			for i := range 9 {
				c.SendAt(int64(i), "x")
				c.Swap()
			}
			c.SendAt(9, "y")
		},
		want: []string{"xxxxxxxxxy"},
		ends: make([]reassembly.End, 1),
	},
	{
		name: "a SYN ahead of the data seen is a new half",
		build: func(c *pcap.Connection) {
			c.SendAt(0, "old")
			c.Trace.Conn(client, server).ISN(2000).SYN()
		},
		want: []string{"old", ""},
		ends: []reassembly.End{reassembly.EndReuse, reassembly.EndOpen},
	},
	{
		name: "port reuse shortly after close with the SYNs missing",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.Close()
			d := c.Trace.Conn(client, server).ISN(10_000_000, 10_000_000)
			d.Send("new")
		},
		want:  []string{"", "", "new"},
		ends:  []reassembly.End{reassembly.EndFIN, reassembly.EndFIN, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "a SYN-ACK that answers another SYN does not bind",
		build: func(c *pcap.Connection) {
			c.SYN()
			c.SYNACK().Ack += 1000
		},
		want: []string{"", ""},
		ends: make([]reassembly.End, 2),
	},
	{
		name: "a SYN after a SYN-ACK that answers another does not bind",
		build: func(c *pcap.Connection) {
			c.SYN()
			c.SYNACK().Ack += 1000
			c.Swap()
		},
		want: []string{"", ""},
		ends: make([]reassembly.End, 2),
	},
	{
		name: "a second SYN-ACK with a number already answered stays alone",
		build: func(c *pcap.Connection) {
			c.Redirect("127.0.0.1:15001").SYN()
			c.SYNACK()
			d := c.Trace.Conn(client, "10.0.0.7:80")
			d.SYNACK()
		},
		want:  []string{"", "", ""},
		ends:  make([]reassembly.End, 3),
		binds: []string{"1<-2"},
	},
	{
		name: "an acknowledgement of less than the SYN does not bind",
		build: func(c *pcap.Connection) {
			c.ISN(1_000_000).SYN()
			c.AckReply().Ack = 500_000
		},
		want: []string{"", ""},
		ends: make([]reassembly.End, 2),
	},
	{
		name: "midstream halves of which the second acknowledges what was not sent",
		build: func(c *pcap.Connection) {
			c.Send("abc")
			c.Reply("xyz").Ack += 500_000_000
		},
		want: []string{"abc", "xyz"},
		ends: make([]reassembly.End, 2),
	},
	{
		name: "SYN captured late binds a half that waits: its peer's packets count at once",
		build: func(c *pcap.Connection) {
			c.SYN()
			c.SYNACK()
			c.Swap()
			c.SendAt(3, "def")
			c.Swap()
			for range 20 {
				c.AckReply()
			}
			c.SendAt(0, "abc")
		},
		want:  []string{"", "...def"},
		ends:  make([]reassembly.End, 2),
		binds: []string{"2<-1"},
	},
	{
		name: "the first answer binds a half that waits: its packets count at once",
		build: func(c *pcap.Connection) {
			c.SYN()
			c.SendAt(3, "def")
			for range 20 {
				c.AckReply()
			}
			c.SendAt(0, "abc")
		},
		want:  []string{"...def", ""},
		ends:  make([]reassembly.End, 2),
		binds: []string{"1<-2"},
	},
}

func TestHalves(t *testing.T) { runStreams(t, bindTests) }
