package conn

import (
	"net/netip"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// Ends in the worlds of these tests.
const (
	pod    = "10.244.1.10:40000"
	app    = "10.244.1.10:8080"
	client = "192.0.2.1:40000"
	vip    = "10.96.10.1:80"
	proxy  = "127.0.0.1:15001"
)

// A side is a half as a test writes it down. Times are nanoseconds.
type side struct {
	lo             bool // on the loopback interface, else on eth0
	src, dst       string
	from, to, end  int64  // first and last packet; its FIN or RST
	first          uint32 // number of its first packet
	base, next     uint32
	isn            uint32
	syn, synack    bool
	fin, rst       bool
	acks           [2]uint32 // the first and the last one; zero: none
	ts             [3]uint32 // first and last one sent, last one echoed; zero: none
	bytes, missing int64
	packets        uint32
	data           uint32 // length of the payload, on the first packet
	partner        reassembly.HalfID
	proto          scan.Proto
}

// fill makes h what s says.
func (s side) fill(h *reassembly.Half) {
	at := h.Key.Point
	*h = reassembly.Half{Base: s.base, Next: s.next, ISN: s.isn, SYN: s.syn || s.synack, SYNACK: s.synack, FIN: s.fin, RST: s.rst, FirstAck: s.acks[0], LastAck: s.acks[1], HasAck: s.acks != [2]uint32{}}
	h.HasTS, h.TSVal, h.LastTSVal, h.LastTSEcr = s.ts != [3]uint32{}, s.ts[0], s.ts[1], s.ts[2]
	h.Bytes, h.Missing, h.Packets, h.Partner, h.First.Packet = s.bytes, s.missing, s.packets, s.partner, s.first
	if s.src != "" {
		t := tuple(s.src, s.dst)
		h.Key = tcpip.Key{Src: tcpip.AddrFrom(t.Src.Addr()), Dst: tcpip.AddrFrom(t.Dst.Addr()), SrcPort: t.Src.Port(), DstPort: t.Dst.Port()}
	}
	h.Key.Point = at
	if s.data > 0 {
		h.Data, h.DataLen = h.First, s.data
	} else {
		h.Data = capture.Ref{Packet: 1 << 30}
	}
	h.FirstTime, h.LastTime, h.EndTime = capture.Time(s.from), capture.Time(s.to), capture.Time(s.end)
}

// half is s where no index is needed.
func (s side) half() *reassembly.Half {
	h := new(reassembly.Half)
	s.fill(h)
	return h
}

// indexOf is an index of halves, numbered from 1.
func indexOf(t *testing.T, sides ...side) *index.Index {
	t.Helper()
	tr := new(pcap.Trace)
	for i, s := range sides {
		iface := "eth0"
		if s.lo {
			iface = "lo"
		}
		src := netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), uint16(i+1))
		testindex.On(tr, iface, src.String(), "10.0.0.2:80").Send("x")
	}
	x := testindex.Of(tr).Read(t).Index
	for i, s := range sides {
		s.fill(x.Half(index.HalfNo(i + 1)))
		x.Content(index.HalfNo(i + 1)).Proto = s.proto
	}
	return x
}

// tuple is the tuple from an end to another.
func tuple(src, dst string) tcpip.Tuple {
	return tcpip.Tuple{Proto: tcpip.ProtoTCP, Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst)}
}

// entryOf is conntrack's entry of what src dialled and answerer answered.
func entryOf(src, dst, answerer string) *recorded.Entry {
	e := new(recorded.Entry)
	e.Orig, e.Reply = tuple(src, dst), tuple(answerer, src)
	return e
}

// connOf makes a conn of halves of an index, of which one may be 0.
func connOf(x *index.Index, orig, reply index.HalfNo) *Conn {
	c := new(Conn)
	if orig == 0 {
		c.fill(x, reply, 0)
	} else {
		c.fill(x, orig, reply)
	}
	c.Pair = index.Pair{Orig: orig, Reply: reply}
	return c
}
