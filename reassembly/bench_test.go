package reassembly_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A sink is a consumer that does nothing.
type sink struct{}

func (sink) Open(reassembly.HalfID, bool, reassembly.At)               {}
func (sink) Bind(_, _ reassembly.HalfID)                               {}
func (sink) Bytes(reassembly.At, []byte) int64                         { return 0 }
func (sink) Skip(reassembly.At, int64)                                 {}
func (sink) Gap(reassembly.At, int64, reassembly.GapKind, capture.Ref) {}
func (sink) Close(reassembly.HalfID, reassembly.End, reassembly.At)    {}

// flow yields endless data packets of n connections in turn.
type flow struct {
	segs []tcpip.Segment
	next []uint32
	i    int
	ref  uint32
}

func newFlow(n int) *flow {
	f := &flow{}
	payload := make([]byte, 100)
	for i := range n {
		k := tcpip.Key{
			Src: tcpip.AddrFrom4([]byte{10, 0, byte(i >> 8), byte(i)}), Dst: tcpip.AddrFrom4([]byte{10, 1, 0, 1}),
			SrcPort: uint16(1024 + i%60000), DstPort: 80,
		}
		f.segs = append(f.segs, tcpip.Segment{Key: k, Flags: tcpip.FlagSYN, Seq: uint32(i) * 7919})
		f.next = append(f.next, uint32(i)*7919+1)
	}
	_ = payload
	return f
}

func (f *flow) step() *tcpip.Segment {
	i := f.i % len(f.segs)
	s := &f.segs[i]
	f.i++
	f.ref++
	s.Ref.Packet = f.ref
	s.Time += 1000
	return s
}

var payload = make([]byte, 100)

func (f *flow) data() *tcpip.Segment {
	i := f.i % len(f.segs)
	s := f.step()
	s.Flags, s.Seq, s.Bytes, s.Wire = tcpip.FlagACK, f.next[i], payload, uint32(len(payload))
	f.next[i] += 100
	return s
}

func benchmarkAdd(b *testing.B, n int) {
	f := newFlow(n)
	a := reassembly.NewAssembler(new(reassembly.Table), sink{}, nil)
	for range f.segs {
		a.Add(f.step())
	}
	b.ReportAllocs()
	for b.Loop() {
		a.Add(f.data())
	}
}

func BenchmarkAdd100(b *testing.B)    { benchmarkAdd(b, 100) }
func BenchmarkAdd5000(b *testing.B)   { benchmarkAdd(b, 5000) }
func BenchmarkAdd200000(b *testing.B) { benchmarkAdd(b, 200000) }

// BenchmarkHold swaps every pair of packets.
func BenchmarkHold(b *testing.B) {
	f := newFlow(100)
	a := reassembly.NewAssembler(new(reassembly.Table), sink{}, nil)
	for range f.segs {
		a.Add(f.step())
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		s := *f.data()
		if (i/100)%2 == 0 {
			s.Seq += 100
		} else {
			s.Seq -= 100
		}
		i++
		a.Add(&s)
	}
}

func TestAddAllocatesNothing(t *testing.T) {
	f := newFlow(64)
	a := reassembly.NewAssembler(new(reassembly.Table), sink{}, nil)
	for range f.segs {
		a.Add(f.step())
	}
	for range 1000 {
		a.Add(f.data())
	}
	// One chunk of ids per 16,384 packets is all that may be allocated.
	if n := testing.AllocsPerRun(10000, func() { a.Add(f.data()) }); n != 0 {
		t.Errorf("Add of a segment in order: %v allocations, want 0", n)
	}
}
