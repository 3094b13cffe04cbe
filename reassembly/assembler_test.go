package reassembly_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

const (
	client = "10.0.0.1:4000"
	server = "10.0.0.2:80"
)

// A streamTest is one connection, or several between the same ends. want are
// the streams of the halves in the order of their ids: '.' is a lost byte, '#'
// one cut off by the snapshot length.
type streamTest struct {
	name  string
	build func(c *pcap.Connection)
	want  []string
	ends  []reassembly.End
	binds []string
}

var streamTests = []streamTest{
	{
		name:  "a whole connection",
		build: func(c *pcap.Connection) { c.Handshake(); c.Send("ab"); c.Reply("xyz"); c.Send("cd"); c.Close() },
		want:  []string{"abcd", "xyz"},
		ends:  []reassembly.End{reassembly.EndFIN, reassembly.EndFIN},
		binds: []string{"1<-2"},
	},
	{
		name:  "capture ends first",
		build: func(c *pcap.Connection) { c.Handshake(); c.Send("ab"); c.Reply("xyz") },
		want:  []string{"ab", "xyz"},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "swapped pair",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.Send("ab")
			c.Send("cd")
			c.Swap()
			c.Send("ef")
		},
		want:  []string{"abcdef", ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name:  "retransmission",
		build: func(c *pcap.Connection) { c.Handshake(); c.Send("ab"); c.Repeat(); c.Send("cd"); c.Close() },
		want:  []string{"abcd", ""},
		ends:  []reassembly.End{reassembly.EndFIN, reassembly.EndFIN},
		binds: []string{"1<-2"},
	},
	{
		name: "overlap, the first wins",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.SendAt(4, "efgh")
			c.SendAt(2, "CDEFGHIJ")
			c.SendAt(0, "abXY")
			c.SendAt(8, "..klm")
		},
		want:  []string{"abCDefghIJklm", ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "keep-alive and zero-window probes",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.SendAt(-1, "")
			c.SendAt(-1, "?")
			c.Send("abc")
			c.SendAt(2, "")
			c.AckReply()
			c.SendAt(2, "?")
			c.AckReply()
			c.Send("def")
		},
		want:  []string{"abcdef", ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "FIN before the last data",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.Send("abc")
			c.FIN()
			c.Swap()
		},
		want:  []string{"abc", ""},
		ends:  []reassembly.End{reassembly.EndFIN, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "FIN with a gap before it",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.Send("abc")
			c.Lose(1)
			c.FIN()
		},
		want:  []string{"...", ""},
		ends:  []reassembly.End{reassembly.EndFIN, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "data after FIN",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.Send("abc")
			c.FIN()
			c.Send("more")
		},
		want:  []string{"abc", ""},
		ends:  []reassembly.End{reassembly.EndFIN, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "half-close: the answer comes after the FIN",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.Send("request")
			c.FIN()
			c.Reply("response")
			c.Ack()
			c.FINReply()
			c.Ack()
		},
		want:  []string{"request", "response"},
		ends:  []reassembly.End{reassembly.EndFIN, reassembly.EndFIN},
		binds: []string{"1<-2"},
	},
	{
		name: "reset closes its sender's half only",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.Send("abc")
			c.RST()
			c.Reply("late")
		},
		want:  []string{"abc", "late"},
		ends:  []reassembly.End{reassembly.EndRST, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "reset out of window",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.Send("abc")
			c.RST().Seq += 1 << 28
			c.Send("def")
		},
		want:  []string{"abcdef", ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "a late ACK after close opens nothing",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.Send("abc")
			c.Close()
			c.Ack()
			c.AckReply()
		},
		want:  []string{"abc", ""},
		ends:  []reassembly.End{reassembly.EndFIN, reassembly.EndFIN},
		binds: []string{"1<-2"},
	},
	{
		name: "a FIN inside what was delivered is none",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.Send("abcdef")
			c.FIN().Seq -= 3
			c.SendAt(6, "ghi")
		},
		want:  []string{"abcdefghi", ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "a FIN that waits, repeated, with data behind it",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.SendAt(3, "def")
			c.FIN()
			c.Repeat()
			c.SendAt(4, "efghi")
			c.SendAt(20, "more")
			c.SendAt(0, "abc")
		},
		want:  []string{"abcdef", ""},
		ends:  []reassembly.End{reassembly.EndFIN, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "an older acknowledgement does not take a newer back",
		build: func(c *pcap.Connection) {
			c.Handshake()
			c.AckReply()
			c.Send("abcdef")
			c.Lose(1)
			c.AckReply()
			c.Swap()
		},
		want:  []string{"......", ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
}

func TestStreams(t *testing.T) { runStreams(t, streamTests) }

func runStreams(t *testing.T, tests []streamTest) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := pcap.Conn(client, server)
			tt.build(c)
			table, rec := assemble(t, c.Segments(), nil)
			var got []string
			var ends []reassembly.End
			for id := 1; id <= table.Len(); id++ {
				got = append(got, rec.text(reassembly.HalfID(id)))
				ends = append(ends, table.Half(reassembly.HalfID(id)).End)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("streams (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.ends, ends); d != "" {
				t.Errorf("ends (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.binds, rec.binds); d != "" {
				t.Errorf("bound (-want +got):\n%s", d)
			}
		})
	}
}

func TestRetransmissionAcrossWrap(t *testing.T) {
	c := pcap.Conn(client, server).ISN(math.MaxUint32 - 6)
	c.Handshake()
	c.SendAt(0, "abcd")
	c.SendAt(4, "efgh")
	c.SendAt(4, "efghij") // extends the one before; the overlap spans the wrap
	c.SendAt(10, "kl")
	_, rec := assemble(t, c.Segments(), nil)
	if got, want := rec.text(1), "abcdefghijkl"; got != want {
		t.Errorf("stream = %q, want %q", got, want)
	}
}
