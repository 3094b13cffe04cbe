package reassembly_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pcapmesh/pcapmesh/internal/pcaptest"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

const (
	client = "10.0.0.1:4000"
	server = "10.0.0.2:80"
)

// Each case is one connection, or several between the same ends. want are the
// streams of the halves in the order of their ids: '.' is a lost byte, '#' one
// cut off by the snapshot length.
var streamTests = []struct {
	name  string
	build func(c *pcaptest.Connection)
	want  []string
	ends  []reassembly.End
	binds []string
}{
	{
		name:  "a whole connection",
		build: func(c *pcaptest.Connection) { c.Handshake(); c.Send("ab"); c.Reply("xyz"); c.Send("cd"); c.Close() },
		want:  []string{"abcd", "xyz"},
		ends:  []reassembly.End{reassembly.EndFIN, reassembly.EndFIN},
		binds: []string{"1<-2"},
	},
	{
		name:  "capture ends first",
		build: func(c *pcaptest.Connection) { c.Handshake(); c.Send("ab"); c.Reply("xyz") },
		want:  []string{"ab", "xyz"},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "swapped pair",
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) { c.Handshake(); c.Send("ab"); c.Repeat(); c.Send("cd"); c.Close() },
		want:  []string{"abcd", ""},
		ends:  []reassembly.End{reassembly.EndFIN, reassembly.EndFIN},
		binds: []string{"1<-2"},
	},
	{
		name: "overlap, the first wins",
		build: func(c *pcaptest.Connection) {
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
		name: "data on SYN",
		build: func(c *pcaptest.Connection) {
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
		name: "keep-alive and zero-window probes",
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
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
		name:  "refused",
		build: func(c *pcaptest.Connection) { c.SYN(); c.Refuse() },
		want:  []string{"", ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndRST},
		binds: []string{"1<-2"},
	},
	{
		name: "a late ACK after close opens nothing",
		build: func(c *pcaptest.Connection) {
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
		name: "a new SYN is a new half, a repeated one is not",
		build: func(c *pcaptest.Connection) {
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
		name: "port reuse after close with the SYNs missing",
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
			c.Timestamps().Handshake()
			c.Send("old")
			c.Reply("x")
			for range 10 {
				c.SendAt(1_200_000_000, "far").Ack += 1_100_000_000
			}
		},
		want:  []string{"old" + strings.Repeat(".", 1000) + "far", "x"},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndOpen},
		binds: []string{"1<-2"},
	},
	{
		name: "one stray packet is not followed",
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
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
		name: "SYN captured after the first data",
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
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
		name: "cut by the snapshot length",
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
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
		name: "half-flows of a REDIRECT",
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) { c.Redirect("127.0.0.1:15001"); c.SYN(); c.Refuse() },
		want:  []string{"", ""},
		ends:  []reassembly.End{reassembly.EndOpen, reassembly.EndRST},
		binds: []string{"1<-2"},
	},
	{
		name: "half-flows on a collision of tuples",
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
			c.Redirect("127.0.0.1:15001").SYN()
			c.Trace.Conn("10.0.0.1:4002", server).RedirectFrom("10.0.0.1:4002", "127.0.0.1:15001").SYN()
			c.SYNACK()
		},
		want: []string{"", "", ""},
		ends: make([]reassembly.End, 3),
	},
	{
		name: "another point's numbers do not bind",
		build: func(c *pcaptest.Connection) {
			c.Redirect("127.0.0.1:15001").SYN()
			c.At(1, "lo").SYNACK()
		},
		want: []string{"", ""},
		ends: make([]reassembly.End, 2),
	},
	{
		name: "an answer comes too late to bind by numbers",
		build: func(c *pcaptest.Connection) {
			c.Redirect("127.0.0.1:15001").SYN()
			c.Wait(10 * time.Minute)
			c.SYNACK()
		},
		want: []string{"", ""},
		ends: make([]reassembly.End, 2),
	},
	{
		name: "a FIN inside what was delivered is none",
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
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
		name: "lost before a reset, known by its acknowledgement",
		build: func(c *pcaptest.Connection) {
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
		name: "an older acknowledgement does not take a newer back",
		build: func(c *pcaptest.Connection) {
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
	{
		name: "seven strays in a row are not followed",
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
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
		name: "SYN captured late and the bytes after it lost",
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
			c.SendAt(0, "old")
			c.Trace.Conn(client, server).ISN(2000).SYN()
		},
		want: []string{"old", ""},
		ends: []reassembly.End{reassembly.EndReuse, reassembly.EndOpen},
	},
	{
		name: "port reuse shortly after close with the SYNs missing",
		build: func(c *pcaptest.Connection) {
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
		build: func(c *pcaptest.Connection) {
			c.SYN()
			c.SYNACK().Ack += 1000
		},
		want: []string{"", ""},
		ends: make([]reassembly.End, 2),
	},
	{
		name: "a SYN after a SYN-ACK that answers another does not bind",
		build: func(c *pcaptest.Connection) {
			c.SYN()
			c.SYNACK().Ack += 1000
			c.Swap()
		},
		want: []string{"", ""},
		ends: make([]reassembly.End, 2),
	},
	{
		name: "a second SYN-ACK with a number already answered stays alone",
		build: func(c *pcaptest.Connection) {
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
		name: "midstream halves of which one acknowledges what the other cannot have sent",
		build: func(c *pcaptest.Connection) {
			c.Send("abc").Ack += 500_000_000
			c.Reply("xyz")
		},
		want: []string{"abc", "xyz"},
		ends: make([]reassembly.End, 2),
	},
	{
		name: "an acknowledgement of less than the SYN does not bind",
		build: func(c *pcaptest.Connection) {
			c.ISN(1_000_000).SYN()
			c.AckReply().Ack = 500_000
		},
		want: []string{"", ""},
		ends: make([]reassembly.End, 2),
	},
}

func TestStreams(t *testing.T) {
	for _, tt := range streamTests {
		t.Run(tt.name, func(t *testing.T) {
			c := pcaptest.Conn(client, server)
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
	c := pcaptest.Conn(client, server).ISN(math.MaxUint32 - 6)
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
