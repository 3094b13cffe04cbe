package reassembly_test

import (
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// gapTests are about where a stream begins and what is missing of it.
var gapTests = []streamTest{
	{
		name: "one stray packet is not followed",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.Send("abc")
			c.SendAt(1_500_000_000, "garbage")
			c.SendAt(3, "def")
			c.SendAt(6, "ghi")
		},
		want:  []string{"abcdefghi", ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "midstream",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.Send("seen by nobody")
			c.DropFirst(4)
			c.Send("abc")
			c.Reply("xyz")
			c.Send("def")
			c.Ack()
			c.Reply("uvw")
		},
		want:  []string{"abcdef", "xyzuvw"},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "midstream, first pair swapped",
		build: func(c *pcap.Connection) {
			c.Send("abc")
			c.Send("def")
			c.Swap()
			c.AckReply()
			c.Send("ghi")
		},
		want:  []string{"abcdefghi", ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "midstream, no answer, base fixed after eight packets",
		build: func(c *pcap.Connection) {
			for i := range 8 {
				c.SendAt(int64(100+i), "x")
			}
			c.SendAt(90, "too late")
			c.SendAt(108, "end")
		},
		want: []string{"xxxxxxxxend"},
		ends: []reassembly.End{reassembly.EndOpen},
	},
	{
		name: "midstream that begins with a keep-alive probe",
		build: func(c *pcap.Connection) {
			c.SendAt(99, "")
			c.SendAt(99, "")
			c.SendAt(100, "abc")
			c.AckReply()
			c.Send("def")
		},
		want:  []string{"abcdef", ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "cut by the snapshot length",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.Snap(2)
			c.Send("abcde")
			c.Send("f")
			c.Send("ghij")
			c.Send("klmno")
			c.Swap()
			c.Snap(0)
			c.Send("pq")
			c.Close()
		},
		want:  []string{"ab###fgh##kl#####", ""},
		ends:  []reassembly.End{reassembly.EndFIN, reassembly.EndFIN},
		binds: []string{"1<-2"},
	},
	{
		name: "what comes for a cut packet later is dropped",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.Snap(2)
			c.Send("abcde")
			c.Snap(-1)
			c.SendAt(0, "abcde")
			c.Send("f")
		},
		want:  []string{"ab###f", ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "lost, acknowledged, given up; what comes later is dropped",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.Send("abc")
			c.Send("def")
			c.Lose(1)
			c.Send("ghi")
			for range 20 {
				c.AckReply()
			}
			c.SendAt(3, "def")
			c.Send("jkl")
		},
		want:  []string{"abc...ghijkl", ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "lost before the capture point, sent again after many packets",
		build: func(c *pcap.Connection) {
			c.Handshake()
			for i := range 400 {
				c.SendAt(int64(3+i), "x")
				c.AckReply().Ack = 1001
			}
			c.SendAt(0, "abc")
		},
		want:  []string{"abc" + strings.Repeat("x", 400), ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "the last bytes are known by their acknowledgement only",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.Send("abc")
			c.Send("defg")
			c.Lose(1)
			c.AckReply()
		},
		want:  []string{"abc....", ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "a lost FIN is no gap",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.Send("abc")
			c.FIN()
			c.Lose(1)
			c.AckReply()
		},
		want:  []string{"abc", ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "lost before a reset, known by its acknowledgement",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.Send("abcdef")
			c.Lose(1)
			c.AckReply()
			c.RST()
		},
		want:  []string{"......", ""},
		ends:  []reassembly.End{reassembly.EndRST, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "seven strays in a row are not followed",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.Send("abc")
			for range 7 {
				c.SendAt(1_500_000_000, "garbage")
			}
			c.SendAt(3, "def")
			c.SendAt(1_500_000_000, "garbage")
			c.SendAt(6, "ghi")
		},
		want:  []string{"abcdefghi", ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "midstream, base fixed by the acknowledgement",
		build: func(c *pcap.Connection) {
			c.SendAt(10, "abc")
			c.AckReply()
			c.SendAt(5, "early")
			c.SendAt(13, "def")
		},
		want:  []string{"abcdef", ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "midstream halves of which one acknowledges what the other cannot have sent",
		build: func(c *pcap.Connection) {
			c.Send("abc").Ack += 500_000_000
			c.Reply("xyz")
		},
		want: []string{"abc", "xyz"},
		ends: make([]reassembly.End, 2),
	},
}

func TestGaps(t *testing.T) { runStreams(t, gapTests) }
