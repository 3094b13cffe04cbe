package emit

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/plan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// sent is a chunk of n bytes, carried at a time.
func sent(at, n int64) chunk { return chunk{at: moment(at), n: n, spot: 1000 * at} }

// answered is the same of the server.
func answered(at, n int64) chunk {
	c := sent(at, n)
	c.reply = true
	return c
}

func moment(nanos int64) index.Moment {
	return index.Moment{Nanos: nanos, Ref: capture.Ref{Packet: uint32(nanos)}}
}

// rebuilder is one whose client's bytes begin at 100, and the server's at 500.
func newRebuilder() *rebuilder {
	b := &rebuilder{e: new(emitter), conv: 3, next: [2]uint32{100, 500}, lastDir: -1}
	b.start, b.acked = b.next, b.next
	return b
}

// packets describes what was made: time, direction, flags, numbers, and payload
// with what is cut off it.
func (b *rebuilder) packets() []string {
	var out []string
	for _, m := range b.e.made {
		dir := ">"
		if m.reply {
			dir = "<"
		}
		s := fmt.Sprintf("%d %s", m.at.Nanos, dir)
		for _, f := range []struct {
			flag uint16
			name string
		}{{tcpip.FlagSYN, "S"}, {tcpip.FlagFIN, "F"}, {tcpip.FlagRST, "R"}, {tcpip.FlagPSH, "P"}, {tcpip.FlagACK, "."}} {
			if m.flags&f.flag != 0 {
				s += f.name
			}
		}
		s += fmt.Sprintf(" %d:%d", m.seq, m.ack)
		if m.n > 0 || m.cut > 0 {
			s += fmt.Sprintf(" %d+%d from %d", m.n, m.cut, m.spot)
		}
		if m.conv != 3 {
			s += fmt.Sprintf(" of %d", m.conv)
		}
		if m.comment != "" {
			s += " " + m.comment
		}
		out = append(out, s)
	}
	return out
}

// Chunks become packets in the order of time; each side acknowledges before it
// speaks, and at the end.
func TestInterleave(t *testing.T) {
	whole := func(c chunk, cut int64) chunk {
		c.cut = cut
		return c
	}
	hole := func(c chunk) chunk {
		c.gap = true
		return c
	}
	for _, tt := range []struct {
		name           string
		sent, received []chunk
		want           []string
	}{
		{"nothing", nil, nil, nil},
		{"one side", []chunk{sent(1, 10), sent(2, 5)}, nil, []string{"1 >P. 100:500 10+0 from 1000", "2 >P. 110:500 5+0 from 2000", "2 <. 500:115"}},
		{"the other side", nil, []chunk{answered(1, 10)}, []string{"1 <P. 500:100 10+0 from 1000", "1 >. 100:510"}},
		{"by turns", []chunk{sent(1, 10), sent(3, 5)}, []chunk{answered(2, 20)}, []string{
			"1 >P. 100:500 10+0 from 1000", "2 <. 500:110", "2 <P. 500:110 20+0 from 2000", "3 >. 110:520", "3 >P. 110:520 5+0 from 3000", "3 <. 520:115",
		}},
		{"at one time the client is first", []chunk{sent(1, 10)}, []chunk{answered(1, 20)}, []string{"1 >P. 100:500 10+0 from 1000", "1 <. 500:110", "1 <P. 500:110 20+0 from 1000", "1 >. 110:520"}},
		{"the server first", []chunk{sent(2, 10)}, []chunk{answered(1, 20)}, []string{"1 <P. 500:100 20+0 from 1000", "2 >. 100:520", "2 >P. 100:520 10+0 from 2000", "2 <. 520:110"}},
		{"a packet cut off", []chunk{whole(sent(1, 10), 7), sent(2, 5)}, nil, []string{"1 >P. 100:500 10+7 from 1000", "2 >P. 117:500 5+0 from 2000", "2 <. 500:122"}},
		{"a packet cut off from its first byte on", []chunk{whole(sent(1, 0), 7)}, nil, []string{"1 >P. 100:500 0+7 from 1000", "1 <. 500:107"}},
		{"a hole", []chunk{sent(1, 10), hole(sent(2, 30)), sent(3, 5)}, nil, []string{"1 >P. 100:500 10+0 from 1000", "3 >P. 140:500 5+0 from 3000", "3 <. 500:145"}},
		{"a hole at the end", []chunk{sent(1, 10), hole(sent(2, 30))}, nil, []string{"1 >P. 100:500 10+0 from 1000", "2 <. 500:140"}},
		{"as much as fits into a packet", []chunk{sent(1, maxSegment)}, nil, []string{"1 >P. 100:500 65495+0 from 1000", "1 <. 500:65595"}},
		{"a byte more", []chunk{sent(1, maxSegment+1)}, nil, []string{"1 >P. 100:500 65495+0 from 1000", "1 <. 500:65595", "1 >P. 65595:500 1+0 from 66495", "1 <. 500:65596"}},
		{"cut off in the second packet", []chunk{whole(sent(1, maxSegment+2), 3)}, nil, []string{"1 >P. 100:500 65495+0 from 1000", "1 <. 500:65595", "1 >P. 65595:500 2+3 from 66495", "1 <. 500:65600"}},
		{"cut off before the second packet", []chunk{whole(sent(1, 10), maxSegment)}, nil, []string{"1 >P. 100:500 10+65485 from 1000", "1 <. 500:65595", "1 >P. 65595:500 0+10 from 66495", "1 <. 500:65605"}},
		{"an acknowledgement in time", []chunk{sent(1, ackEvery-1), sent(2, 1), sent(3, 1)}, nil, []string{"1 >P. 100:500 32767+0 from 1000", "2 >P. 32867:500 1+0 from 2000", "2 <. 500:32868", "3 >P. 32868:500 1+0 from 3000", "3 <. 500:32869"}},
		{"no acknowledgement yet", []chunk{sent(1, ackEvery-2), sent(2, 1), sent(3, 1)}, nil, []string{"1 >P. 100:500 32766+0 from 1000", "2 >P. 32866:500 1+0 from 2000", "3 >P. 32867:500 1+0 from 3000", "3 <. 500:32868"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newRebuilder()
			b.interleave(tt.sent, tt.received)
			if d := cmp.Diff(b.packets(), tt.want); d != "" {
				t.Errorf("packets (-got +want):\n%s", d)
			}
		})
	}
}

// Time does not run back, neither in a stream nor in what is made.
func TestRaise(t *testing.T) {
	var got []int64
	for _, c := range raise([]chunk{sent(3, 1), sent(1, 1), sent(3, 1), sent(5, 1), sent(4, 1)}) {
		got = append(got, c.at.Nanos, int64(c.at.Ref.Packet))
	}
	if d := cmp.Diff(got, []int64{3, 3, 3, 3, 3, 3, 5, 5, 5, 5}); d != "" {
		t.Errorf("times and packets (-got +want):\n%s", d)
	}
	b := newRebuilder()
	b.now = moment(9)
	b.interleave([]chunk{sent(1, 1), sent(9, 1), sent(10, 1)}, nil)
	want := []string{"9 >P. 100:500 1+0 from 1000", "9 >P. 101:500 1+0 from 9000", "10 >P. 102:500 1+0 from 10000", "10 <. 500:103"}
	if d := cmp.Diff(b.packets(), want); d != "" {
		t.Errorf("packets (-got +want):\n%s", d)
	}
}

// An exchange stands before the next, whenever their packets went by; what belongs to
// none is in the order of time.
func TestTurns(t *testing.T) {
	turn := func(n int32, c chunk) chunk { c.turn = n; return c }
	for _, tt := range []struct {
		name           string
		sent, received []chunk
		want           []string
	}{
		{"in their order", []chunk{turn(0, sent(1, 1)), turn(1, sent(3, 2))}, []chunk{turn(0, answered(2, 3)), turn(1, answered(4, 4))}, []string{
			"1 >P. 100:500 1+0 from 1000", "2 <. 500:101", "2 <P. 500:101 3+0 from 2000", "3 >. 101:503",
			"3 >P. 101:503 2+0 from 3000", "4 <. 503:103", "4 <P. 503:103 4+0 from 4000", "4 >. 103:507"}},
		{"asked before the answer", []chunk{turn(0, sent(1, 1)), turn(1, sent(2, 2))}, []chunk{turn(0, answered(3, 3)), turn(1, answered(4, 4))}, []string{
			"1 >P. 100:500 1+0 from 1000", "3 <. 500:101", "3 <P. 500:101 3+0 from 3000", "3 >. 101:503",
			"3 >P. 101:503 2+0 from 2000", "4 <. 503:103", "4 <P. 503:103 4+0 from 4000", "4 >. 103:507"}},
		{"no answer", []chunk{turn(0, sent(1, 1)), turn(1, sent(2, 2))}, []chunk{turn(1, answered(3, 3))}, []string{
			"1 >P. 100:500 1+0 from 1000", "2 >P. 101:500 2+0 from 2000", "3 <. 500:103", "3 <P. 500:103 3+0 from 3000", "3 >. 103:503"}},
		{"no exchanges", []chunk{sent(1, 1), sent(2, 2)}, []chunk{answered(3, 3)}, []string{
			"1 >P. 100:500 1+0 from 1000", "2 >P. 101:500 2+0 from 2000", "3 <. 500:103", "3 <P. 500:103 3+0 from 3000", "3 >. 103:503"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newRebuilder()
			b.interleave(tt.sent, tt.received)
			if d := cmp.Diff(b.packets(), tt.want); d != "" {
				t.Errorf("packets (-got +want):\n%s", d)
			}
		})
	}
}

// Streams end as they did, the side first that ended first; what comes later is
// left out and told.
func TestCloseOfRebuilt(t *testing.T) {
	for _, tt := range []struct {
		name           string
		end            [2]int64
		rst            [2]bool
		sent, received []chunk
		want           []string
	}{
		{"open", [2]int64{}, [2]bool{}, nil, nil, nil},
		{"the client first", [2]int64{20, 30}, [2]bool{}, nil, nil, []string{"20 >F. 100:500", "20 <. 500:101", "30 <F. 500:101", "30 >. 101:501"}},
		{"the server first", [2]int64{30, 20}, [2]bool{}, nil, nil, []string{"20 <F. 500:100", "20 >. 100:501", "30 >F. 100:501", "30 <. 501:101"}},
		{"at one time", [2]int64{20, 20}, [2]bool{}, nil, nil, []string{"20 >F. 100:500", "20 <. 500:101", "20 <F. 500:101", "20 >. 101:501"}},
		{"the client only", [2]int64{20, 0}, [2]bool{}, nil, nil, []string{"20 >F. 100:500", "20 <. 500:101"}},
		{"the server only", [2]int64{0, 20}, [2]bool{}, nil, nil, []string{"20 <F. 500:100", "20 >. 100:501"}},
		{"a reset by the client", [2]int64{20, 30}, [2]bool{true, false}, nil, nil, []string{"20 >R. 100:500"}},
		{"a reset by the server", [2]int64{30, 20}, [2]bool{false, true}, nil, nil, []string{"20 <R. 500:100"}},
		{"a reset after the end", [2]int64{30, 20}, [2]bool{true, false}, nil, nil, []string{"20 <F. 500:100", "20 >. 100:501", "30 >R. 100:501"}},
		{"bytes at the end", [2]int64{20, 0}, [2]bool{}, []chunk{sent(20, 5)}, nil, []string{"20 >P. 100:500 5+0 from 20000", "20 <. 500:105", "20 >F. 105:500", "20 <. 500:106"}},
		{"bytes after the end", [2]int64{20, 25}, [2]bool{}, []chunk{sent(19, 1), sent(21, 5), sent(22, 6)}, []chunk{answered(30, 7)}, []string{
			"19 >P. 100:500 1+0 from 19000", "30 <. 500:101", "30 >F. 101:500 pcapmesh: 11 bytes after the close left out", "30 <. 500:102",
			"30 <F. 500:102 pcapmesh: 7 bytes after the close left out", "30 >. 102:501",
		}},
		{"an end before what the other side said", [2]int64{20, 0}, [2]bool{}, nil, []chunk{answered(40, 7)}, []string{"40 <P. 500:100 7+0 from 40000", "40 >. 100:507", "40 >F. 100:507", "40 <. 507:101"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newRebuilder()
			b.end, b.rst = tt.end, tt.rst
			b.interleave(tt.sent, tt.received)
			b.close()
			if d := cmp.Diff(b.packets(), tt.want); d != "" {
				t.Errorf("packets (-got +want):\n%s", d)
			}
		})
	}
}

// What was cut off counts as left out, too.
func TestLateBytesCutOff(t *testing.T) {
	b := newRebuilder()
	b.end[0] = 20
	c := sent(21, 5)
	c.cut = 4
	b.interleave([]chunk{c}, nil)
	b.close()
	want := []string{"21 >F. 100:500 pcapmesh: 9 bytes after the close left out", "21 <. 500:101"}
	if d := cmp.Diff(b.packets(), want); d != "" {
		t.Errorf("packets (-got +want):\n%s", d)
	}
}

// A rebuilt stream begins with the handshake of its leg, if that was captured, at
// its times; the answer is never before the question.
func TestHandshakeOfRebuilt(t *testing.T) {
	for _, tt := range []struct {
		name  string
		build func(c *pcap.Connection)
		edit  func(c *plan.Conversation)
		want  []string // times count from the first packet
	}{
		{"whole", func(c *pcap.Connection) { c.Handshake() }, nil, []string{"0 >S 1000:0", "100000 <S. 5000:1001", "100000 >. 1001:5001"}},
		{"planned for later", func(c *pcap.Connection) { c.Handshake() }, func(c *plan.Conversation) { c.First.Nanos += 150000 }, []string{"150000 >S 1000:0", "150000 <S. 5000:1001", "150000 >. 1001:5001"}},
		{"from the middle", func(c *pcap.Connection) { c.Send("a"); c.Reply("b") }, nil, nil},
		{"half of it", func(c *pcap.Connection) { c.SYN() }, nil, nil},
		{"with its end", func(c *pcap.Connection) { c.Handshake(); c.FIN(); c.FINReply() }, nil, []string{
			"0 >S 1000:0", "100000 <S. 5000:1001", "100000 >. 1001:5001", "300000 >F. 1001:5001", "300000 <. 5001:1002", "400000 <F. 5001:1002", "400000 >. 1002:5002",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := pcap.Conn("10.0.0.1:4000", "10.0.0.2:80").At(0, "eth0")
			tt.build(k)
			s := traced(t, k.Trace)
			c := plan.Whole(s.Conversations[0])
			first := c.First.Nanos
			if tt.edit != nil {
				tt.edit(c)
			}
			e := &emitter{src: s}
			e.rebuild(3, c, nil)
			for i := range e.made {
				e.made[i].at.Nanos -= first
			}
			if d := cmp.Diff((&rebuilder{e: e}).packets(), tt.want); d != "" {
				t.Errorf("packets (-got +want):\n%s", d)
			}
		})
	}
}

// Chunks of several conversations go each to its own.
func TestRebuildAll(t *testing.T) {
	tr := new(pcap.Trace)
	for i, text := range []string{"first", "second", "third"} {
		c := tr.Conn(fmt.Sprintf("10.0.0.%d:4000", i), "10.0.0.9:80").At(0, "eth0")
		c.Handshake()
		c.Send(text)
		c.Reply("to the " + text)
		c.Close()
	}
	s := traced(t, tr)
	for _, i := range []int{0, 2} {
		s.Conversations[i] = plan.Whole(s.Conversations[i])
	}
	e := &emitter{src: s, convs: s.Conversations, spool: new(spool)}
	if err := e.rebuildAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := map[int32]string{}
	last := int64(0)
	for _, m := range e.made {
		if m.at.Nanos < last {
			t.Error("packets are not in the order of time")
		}
		last = m.at.Nanos
		text, err := e.spool.read(m.spot, int(m.n))
		if err != nil {
			t.Fatal(err)
		}
		got[m.conv] += string(text)
	}
	if d := cmp.Diff(got, map[int32]string{0: "firstto the first", 2: "thirdto the third"}); d != "" {
		t.Errorf("what conversations say (-got +want):\n%s", d)
	}
}
