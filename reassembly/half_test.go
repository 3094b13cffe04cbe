package reassembly_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

func TestHalfFields(t *testing.T) {
	c := pcap.Conn(client, server).ISN(100, 200).MSS(1460, 65495).Timestamps()
	c.Handshake()                            // 1-3
	c.Wait(5_000_000)                        // the clock of the timestamps goes on by 5
	p := c.Send("abc")                       // 4
	c.Repeat()                               // 5
	c.Dup()                                  // 6
	c.Reply("answer")                        // 7
	c.SendAt(5, "fg")                        // 8
	c.Snap(1).SendAt(7, "hij").Window = 1000 // 9
	c.Snap(-1).FIN()                         // 10
	p.IPID = 77
	segs := c.Segments()
	table, _ := assemble(t, segs, nil)

	want := &reassembly.Half{
		Key: segs[0].Key, Partner: 2,
		ISN: 100, Base: 101, Next: 111, FirstAck: 201, LastAck: 207,
		TSVal: segs[0].TSVal, LastTSVal: segs[9].TSVal, TSEcr: segs[0].TSEcr, LastTSEcr: segs[9].TSEcr,
		First: capture.Ref{Packet: 1}, Data: capture.Ref{Packet: 4}, DataSeq: 101, DataLen: 3, DataIPID: 77,
		FirstTime: segs[0].Time, LastTime: capture.Time(segs[9].Time), EndTime: segs[9].Time,
		Packets: 7, Dups: 1, Bytes: 6, Missing: 4, Retrans: 1,
		MSS: 1460, Window: 64240, WScale: 7,
		SYN: true, HasAck: true, HasTS: true, FIN: true, End: reassembly.EndFIN,
	}
	o := []cmp.Option{cmpopts.IgnoreUnexported(reassembly.Half{}), cmp.AllowUnexported(tcpip.Addr{})}
	if d := cmp.Diff(want, table.Half(1), o...); d != "" {
		t.Errorf("client's half (-want +got):\n%s", d)
	}
	want = &reassembly.Half{
		Key: segs[1].Key, Partner: 1,
		ISN: 200, Base: 201, Next: 207, FirstAck: 101, LastAck: 104,
		TSVal: segs[1].TSVal, LastTSVal: segs[6].TSVal, TSEcr: segs[1].TSEcr, LastTSEcr: segs[6].TSEcr,
		First: capture.Ref{Packet: 2}, Data: capture.Ref{Packet: 7}, DataSeq: 201, DataLen: 6, DataIPID: segs[6].IPID,
		FirstTime: segs[1].Time, LastTime: capture.Time(segs[6].Time),
		Packets: 2, Bytes: 6,
		MSS: 65495, Window: 64240, WScale: 7,
		SYN: true, SYNACK: true, HasAck: true, HasTS: true,
	}
	if d := cmp.Diff(want, table.Half(2), o...); d != "" {
		t.Errorf("server's half (-want +got):\n%s", d)
	}
	if id := table.At(capture.Ref{Packet: 6}); !id.Dup() || id.ID() != 1 {
		t.Errorf("id of the duplicate = %#x, want 1 with DupMark", uint32(id))
	}
}

func TestBytesBeforeTheBase(t *testing.T) {
	c := pcap.Conn(client, server)
	for range 8 {
		c.SendAt(10, "abc")
	}
	c.SendAt(5, "1234567")
	table, _ := assemble(t, c.Segments(), nil)
	if h := table.Half(1); h.Before != 5 || h.Base != 1011 || h.Bytes != 3 {
		t.Errorf("Before = %d, Base = %d, Bytes = %d, want 5, 1011, 3", h.Before, h.Base, h.Bytes)
	}
}

// TestBaseWithoutPayload has keep-alive probes, which go one back.
func TestBaseWithoutPayload(t *testing.T) {
	for name, offs := range map[string][]int64{"probe first": {99, 100}, "probe last": {100, 99}} {
		c := pcap.Conn(client, server)
		for _, off := range offs {
			c.SendAt(off, "")
		}
		table, _ := assemble(t, c.Segments(), nil)
		if got, want := table.Half(1).Base, uint32(1101); got != want {
			t.Errorf("%s: Base = %d, want %d", name, got, want)
		}
	}
}

func TestResetsAcknowledgeNothing(t *testing.T) {
	c := pcap.Conn(client, server)
	c.Handshake()
	p := c.RST()
	p.Flags |= tcpip.FlagACK
	p.Ack += 1 << 20
	table, _ := assemble(t, c.Segments(), nil)
	if got, want := table.Half(1).LastAck, uint32(5001); got != want {
		t.Errorf("LastAck = %d, want %d", got, want)
	}
}

func TestHalfSize(t *testing.T) {
	if n := unsafe.Sizeof(reassembly.Half{}); n > 200 {
		t.Errorf("a Half takes %d bytes, want at most 200", n)
	}
}

func TestFragmentsHaveTheId(t *testing.T) {
	c := pcap.Conn(client, server)
	c.Handshake()
	c.Send("abc")
	segs := c.Segments()
	parts := []capture.Ref{{Packet: 40}, {Input: 2, Packet: 41}}
	segs[3].Parts = parts
	table, _ := assemble(t, segs, nil)
	for _, r := range parts {
		if got := table.At(r); got != 1 {
			t.Errorf("id of %v = %d, want 1", r, got)
		}
	}
	for _, r := range []capture.Ref{{}, {Packet: 5}, {Packet: 1 << 20}, {Input: 9, Packet: 1}, {Input: 1, Packet: 1}} {
		if got := table.At(r); got != 0 {
			t.Errorf("id of %v = %d, want none", r, got)
		}
	}
	if got := table.Packets(2); got != 41 {
		t.Errorf("Packets(2) = %d, want 41", got)
	}
	if got := table.Packets(7); got != 0 {
		t.Errorf("Packets(7) = %d, want 0", got)
	}
}

func TestTableSet(t *testing.T) {
	var table reassembly.Table
	r := capture.Ref{Input: 1, Packet: 20_000}
	table.Set(r, 7|reassembly.DupMark)
	if got := table.At(r); got.ID() != 7 || !got.Dup() || table.Packets(1) != 20_000 || table.Packets(0) != 0 {
		t.Errorf("At = %#x, Packets = %d", uint32(got), table.Packets(1))
	}
}

func TestHalfSet(t *testing.T) {
	var s reassembly.HalfSet
	if !s.Empty() || s.Has(0) || s.Has(1000) {
		t.Error("the zero HalfSet is not empty")
	}
	for _, id := range []reassembly.HalfID{1, 64, 1000 | reassembly.DupMark} {
		s.Add(id)
	}
	for id := range reassembly.HalfID(1100) {
		if got, want := s.Has(id), id == 1 || id == 64 || id == 1000; got != want {
			t.Errorf("Has(%d) = %v, want %v", id, got, want)
		}
	}
	if s.Empty() {
		t.Error("a HalfSet with ids is empty")
	}
}

// TestManyHalves opens more connections than any table's first size, all
// half-flows, with the answers in another order than the questions.
func TestManyHalves(t *testing.T) {
	const n = 5000
	trace := new(pcap.Trace)
	var conns []*pcap.Connection
	for i := range n {
		k := tcpip.AddrFrom4([]byte{10, 0, byte(i >> 8), byte(i)}).Netip().String()
		c := trace.Conn(k+":4000", server).ISN(uint32(i)*7_919_001, uint32(i)).Redirect("127.0.0.1:15001")
		c.SYN()
		conns = append(conns, c)
	}
	order := rand.New(rand.NewPCG(1, 2)).Perm(n)
	for _, i := range order {
		conns[i].SYNACK()
	}
	for _, c := range conns {
		c.Ack()
		c.Close()
	}
	table := new(reassembly.Table)
	a := reassembly.NewAssembler(table, sink{}, nil)
	segs := trace.Segments()
	for i := range segs {
		a.Add(&segs[i])
	}
	if table.Len() != 2*n {
		t.Fatalf("%d halves, want %d", table.Len(), 2*n)
	}
	for k, i := range order {
		ask, answer := reassembly.HalfID(i+1), reassembly.HalfID(n+k+1)
		if got := table.Half(ask).Partner; got != answer {
			t.Fatalf("half %d is bound to %d, want %d", ask, got, answer)
		}
	}
	if got := a.Live(); got != 2*n {
		t.Errorf("%d states, want %d", got, 2*n)
	}
}

// TestStatesAreUsedAgain opens and closes connections one after the other.
func TestStatesAreUsedAgain(t *testing.T) {
	trace := new(pcap.Trace)
	for i := range 100 {
		c := trace.Conn(client, server).ISN(uint32(i)*10_000_000, uint32(i)*10_000_000+5)
		c.Handshake()
		c.Send("x")
		c.Close()
	}
	table := new(reassembly.Table)
	a := reassembly.NewAssembler(table, sink{}, nil)
	segs := trace.Segments()
	for i := range segs {
		a.Add(&segs[i])
	}
	if table.Len() != 200 || a.Live() > 2 {
		t.Errorf("%d halves, %d states; want 200 and at most 2", table.Len(), a.Live())
	}
}

// TestBoundHalvesAreForgotten tears connections one after the other: who has found
// its partner makes room in the tables of those who look for one. They grow when
// more than half of the places are taken by those who stay without an answer.
func TestBoundHalvesAreForgotten(t *testing.T) {
	for _, tt := range []struct {
		name        string
		alone       int  // so many, the first, have no answer
		swap        bool // answers come first
		asks, tells int
	}{
		{"all answered", 0, false, 1 << 10, 0},
		{"all answered, the answer first", 0, true, 0, 1 << 10},
		{"half of the places taken", 511, false, 1 << 10, 0},
		{"more taken", 512, false, 1 << 11, 0},
		{"none answered", 5000, false, 1 << 13, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			trace := new(pcap.Trace)
			for i := range 5000 {
				c := torn(trace.Conn(fmt.Sprint("10.0.0.1:", 10_000+i), server)).ISN(uint32(i)*7_919_001, uint32(i))
				c.SYN()
				if i >= tt.alone {
					c.SYNACK()
				}
				if tt.swap {
					c.Swap()
				}
			}
			table := new(reassembly.Table)
			a := reassembly.NewAssembler(table, sink{}, nil)
			segs := trace.Segments()
			for i := range segs {
				a.Add(&segs[i])
			}
			for id := reassembly.HalfID(1); int(id) <= table.Len(); id++ {
				if bound := table.Half(id).Partner != 0; bound == (int(id) <= tt.alone) {
					t.Fatalf("half %d is bound: %v", id, bound)
				}
			}
			if asks, tells := a.Unbound(); asks != tt.asks || tells != tt.tells {
				t.Errorf("room for %d and %d, want %d and %d", asks, tells, tt.asks, tt.tells)
			}
		})
	}
}

// TestFloodOfEqualSYNs sends SYNs that all have the number that binds
// half-flows: nothing is bound, and no search gets long (this test would take
// minutes).
func TestFloodOfEqualSYNs(t *testing.T) {
	table := new(reassembly.Table)
	a := reassembly.NewAssembler(table, sink{}, nil)
	s := tcpip.Segment{Flags: tcpip.FlagSYN, Seq: 1}
	const n = 60_000
	for i := range 4 * n {
		s.Ref.Packet++
		s.Key.SrcPort, s.Key.DstPort = uint16(i%n), uint16(i/n)
		a.Add(&s)
	}
	s.Key = tcpip.Key{SrcPort: 1, DstPort: 1, Point: 0, Src: tcpip.AddrFrom4([]byte{1, 2, 3, 4})}
	s.Flags, s.Ack = tcpip.FlagSYN|tcpip.FlagACK, 2
	s.Ref.Packet++
	if id := a.Add(&s); table.Half(id).Partner != 0 {
		t.Errorf("bound to %d, one of %d equal ones", table.Half(id).Partner, 4*n)
	}
}
