package tcpip_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// split4 cuts the payload of an IPv4 packet at the given offsets, multiples of
// 8, into fragments.
func split4(ip []byte, at ...int) [][]byte {
	var frags [][]byte
	for i, from := range append([]int{0}, at...) {
		to, word := len(ip)-20, uint16(from/8)
		if i < len(at) {
			to, word = at[i], word|0x2000
		}
		f := join(ip[:20], ip[20+from:20+to])
		setLen(2, len(f))(f)
		binary.BigEndian.PutUint16(f[6:], word)
		f[10], f[11] = 0, 0
		binary.BigEndian.PutUint16(f[10:], slowSum(f[:20]))
		frags = append(frags, f)
	}
	return frags
}

// split6 is split4 for an IPv6 packet whose fragmentable part begins with the
// given header at offset 40.
func split6(ip []byte, first byte, at ...int) [][]byte {
	var frags [][]byte
	for i, from := range append([]int{0}, at...) {
		to, word := len(ip)-40, uint16(from)
		if i < len(at) {
			to, word = at[i], word|1
		}
		f := join(ip[:40], []byte{first, 0}, words(word, 0, 77), ip[40+from:40+to])
		f[6] = 44
		setLen(4, len(f)-40)(f)
		frags = append(frags, f)
	}
	return frags
}

// longPacket returns an IP packet with n bytes of payload.
func longPacket(v6 bool, n int) []byte {
	h := tcpip.Header{Src: client4, Dst: server4, Seq: 1000, Ack: 2000, Flags: tcpip.FlagACK | tcpip.FlagPSH, Window: 501, IPID: 7, HasTS: true}
	if v6 {
		h.Src, h.Dst = client6, server6
	}
	return tcpip.AppendTCP(nil, &h, pattern(n))[14:]
}

// A feed gives IP packets to one Decoder.
type feed struct {
	d     *tcpip.Decoder
	n     uint32
	nanos capture.Time
	s     tcpip.Segment
}

func newFeed() *feed {
	d, _ := decoderOf()
	return &feed{d: d}
}

func (f *feed) put(ip []byte) bool { return f.putCut(ip, len(ip)) }

func (f *feed) putCut(ip []byte, wire int) bool {
	f.n++
	p := packetOf(linktype.Raw, ip)
	p.Ref, p.Time, p.WireLen, p.Offset = capture.Ref{Input: 3, Packet: f.n}, capture.Time(f.nanos), uint32(wire), int64(f.n)*100
	return f.d.Decode(p, &f.s)
}

func TestFragmentsInAnyOrder(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		ip := longPacket(v6, 5000)
		frags := split4(ip, 8, 16, 48, 1480, 2960, 4440)
		if v6 {
			frags = split6(ip, 6, 8, 16, 48, 1448, 2896, 4344)
		}
		rnd := rand.New(rand.NewPCG(1, 2))
		for round := range 50 {
			f := newFeed()
			for i, k := range rnd.Perm(len(frags)) {
				if f.put(frags[k]) != (i == len(frags)-1) {
					t.Fatalf("ipv6 %v, round %d: segment after fragment %d of %d", v6, round, i+1, len(frags))
				}
			}
			checkJoined(t, f, len(frags))
		}
	}
}

// checkJoined checks the segment of longPacket put together from n fragments.
func checkJoined(t *testing.T, f *feed, n int) {
	t.Helper()
	s := &f.s
	if !bytes.Equal(s.Bytes, pattern(5000)) || s.Wire != 5000 {
		t.Errorf("payload %d of %d bytes differs", len(s.Bytes), s.Wire)
	}
	if s.Seq != 1000 || s.Flags != tcpip.FlagACK|tcpip.FlagPSH || !s.HasTS || s.Key.SrcPort != 47254 {
		t.Errorf("segment %+v", s.Key)
	}
	want := []capture.Ref{}
	for i := range n - 1 {
		want = append(want, capture.Ref{Input: 3, Packet: uint32(i + 1)})
	}
	if !slices.Equal(s.Parts, want) || s.Ref.Packet != uint32(n) || s.Offset != int64(n)*100 {
		t.Errorf("parts %v, ref %v, want %v and %d", s.Parts, s.Ref, want, n)
	}
	if s.L3 != 0 || s.L4 != 0 || s.Data != 0 {
		t.Errorf("offsets %d, %d, %d, want none", s.L3, s.L4, s.Data)
	}
	if st := f.d.Stats(); st.FragmentsPending != 0 || st.FragmentsEvicted != 0 {
		t.Errorf("left over: %+v", st)
	}
}

func TestFragmentsOfInterleavedDatagrams(t *testing.T) {
	f := newFeed()
	a, b := longPacket(false, 5000), longPacket(false, 5000)
	b[5] = 8 // another identification
	fa, fb := split4(a, 1480, 2960, 4440), split4(b, 1480, 2960, 4440)
	got := 0
	for i := range fa {
		for _, frag := range [][]byte{fa[i], fb[len(fb)-1-i]} {
			if f.put(frag) {
				got++
				if !bytes.Equal(f.s.Bytes, pattern(5000)) {
					t.Error("payload differs")
				}
			}
		}
	}
	if got != 2 {
		t.Errorf("%d segments, want 2", got)
	}
}

func TestFragmentsWithExtensionHeaders(t *testing.T) {
	ip := extended(60, []byte{6, 0, 1, 4, 0, 0, 0, 0})
	f := newFeed()
	frags := split6(ip, 60, 16)
	if f.put(frags[1]) || !f.put(frags[0]) {
		t.Fatalf("no segment: %+v", f.d.Stats())
	}
	checkHello(t, &f.s, true)

	udp := split6(extended(60, []byte{17, 0, 1, 4, 0, 0, 0, 0}), 60, 16)
	if f.put(udp[0]) || f.put(udp[1]) || f.d.Stats().NonTCP != 1 {
		t.Errorf("udp behind a fragment header: %+v", f.d.Stats())
	}
}

// Bytes of an IPv4 datagram that came first stand.
func TestFragmentsOverlap(t *testing.T) {
	ip := longPacket(false, 200)
	other := edit(ip, func(b []byte) {
		for i := range b[20:] {
			b[20+i] ^= 0xff
		}
	})
	all := split4(ip, 64, 128)
	wild := func(from, to int) []byte { // bytes [from, to) of the other datagram
		f := join(other[:20], other[20+from:20+to])
		setLen(2, len(f))(f)
		binary.BigEndian.PutUint16(f[6:], uint16(from/8)|0x2000)
		return f
	}
	tests := []struct {
		name     string
		frags    [][]byte
		from, to int // of the segment: the bytes that the other datagram brought first
	}{
		{"inside one", [][]byte{all[0], wild(8, 24), all[1], all[2]}, 0, 0},
		{"across two", [][]byte{all[0], all[1], wild(40, 88), all[2]}, 0, 0},
		{"around one", [][]byte{all[1], all[0], wild(0, 192), all[2]}, 128, 192},
		{"around a gap", [][]byte{all[0], all[2], wild(40, 136), all[1]}, 64, 128},
		{"over an end", [][]byte{all[0], wild(56, 72), all[1], all[2]}, 64, 72},
		{"copy", [][]byte{all[0], all[0], all[1], all[1], all[2]}, 0, 0},
		{"copy of the last", [][]byte{all[2], all[2], all[1], all[0]}, 0, 0},
		{"ends where it ends", [][]byte{all[0], all[1], wild(72, 128), all[2]}, 0, 0},
	}
	for _, tt := range tests {
		f := newFeed()
		segments := 0
		for _, frag := range tt.frags {
			if f.put(frag) {
				segments++
				break
			}
		}
		want := append(make([]byte, 32), pattern(200)...)
		for i := tt.from; i < tt.to; i++ {
			want[i] ^= 0xff
		}
		if segments != 1 || !bytes.Equal(f.s.Bytes, want[32:]) {
			t.Errorf("%s: %d segments, payload %x, want %x", tt.name, segments, f.s.Bytes, want[32:])
		}
	}
}

// RFC 5722: overlapping IPv6 fragments spoil the datagram, with all that
// follows; exact copies do not.
func TestFragmentsOverlapIPv6(t *testing.T) {
	ip := longPacket(true, 200)
	all := split6(ip, 6, 64, 128)
	wide := split6(ip, 6, 72)[0]
	f := newFeed()
	for _, frag := range [][]byte{all[0], wide, all[1], all[2]} {
		if f.put(frag) {
			t.Error("a segment in spite of an overlap")
		}
	}
	if st := f.d.Stats(); st.FragmentsEvicted != 1 || st.FragmentsPending != 0 || len(st.Notes) != 1 {
		t.Errorf("%+v", st)
	}
	f = newFeed()
	once, again := f.put(all[0]), f.put(all[0])
	if once || again || f.put(all[1]) || !f.put(all[2]) || !bytes.Equal(f.s.Bytes, pattern(200)) || len(f.s.Parts) != 3 {
		t.Error("an exact copy spoils the datagram")
	}
}

func TestFragmentsCutBySnaplen(t *testing.T) {
	ip := longPacket(false, 300)
	frags := split4(ip, 128, 256)
	for _, have := range []int{0, 40} { // bytes behind the IP header
		f := newFeed()
		if f.put(frags[2]) || f.putCut(frags[1][:20+have], len(frags[1])) || !f.put(frags[0]) {
			t.Fatalf("no segment: %+v", f.d.Stats())
		}
		if n := 128 - 32 + have; !bytes.Equal(f.s.Bytes, pattern(300)[:n]) || f.s.Wire != 300 {
			t.Errorf("payload %d of %d bytes, want %d of 300", len(f.s.Bytes), f.s.Wire, n)
		}
	}
}

func TestFragmentsThatContradict(t *testing.T) {
	ip := longPacket(false, 300)
	frags := split4(ip, 128, 256)
	short := split4(ip[:300], 128)[1]
	for name, tape := range map[string][][]byte{
		"two ends":          {frags[2], short},
		"beyond the end":    {short, edit(frags[2], func(b []byte) { b[6] |= 0x20; b[7] += 8; setLen(2, 36)(b) })},
		"end below a piece": {frags[2], frags[0], short},
	} {
		f := newFeed()
		for _, frag := range tape {
			if f.put(frag) {
				t.Errorf("%s: a segment", name)
			}
		}
		if f.d.Stats().FragmentsEvicted != 1 {
			t.Errorf("%s: %+v", name, f.d.Stats())
		}
	}
	for name, frag := range map[string][]byte{
		"empty":               edit(frags[0][:20], setLen(2, 20)),
		"not a multiple of 8": edit(frags[0][:20+13], setLen(2, 33)),
		"beyond 64 KiB":       edit(frags[0][:20+8], func(b []byte) { b[6], b[7] = 0x1f, 0xff; setLen(2, 28)(b) }),
	} {
		f := newFeed()
		if f.put(frag) || f.d.Stats().Malformed != 1 {
			t.Errorf("%s: %+v", name, f.d.Stats())
		}
	}
	f := newFeed()
	f.put(edit(frags[0][:20+7], func(b []byte) { b[6], b[7] = 0x1f, 0xff; setLen(2, 27)(b) }))
	if st := f.d.Stats(); st.FragmentsPending != 1 {
		t.Errorf("the last that fits into 64 KiB: %+v", st)
	}
}

func TestFragmentsAreBounded(t *testing.T) {
	first := split4(longPacket(false, 5000), 4096)[0]
	id := func(n int) []byte { return edit(first, setLen(4, n)) }

	f := newFeed()
	for i := range 20000 {
		f.put(id(i))
	}
	if st := f.d.Stats(); st.FragmentsPending > 256 || st.FragmentsPending+st.FragmentsEvicted != 20000 {
		t.Errorf("by number: %d pending, %d evicted", st.FragmentsPending, st.FragmentsEvicted)
	}

	for _, tt := range []struct {
		name    string
		age     capture.Time // of the first datagram when the second comes
		packets int          // between the two
		evicted int
	}{
		{"at the bound", 30e9, 1<<16 - 1, 0},
		{"by time", 30e9 + 1, 0, 1},
		{"by packets", 0, 1 << 16, 1},
	} {
		f = newFeed()
		f.nanos = 1e18
		for range 1 << 15 { // neither time nor number counts from the begin of the capture
			f.put(udp4())
		}
		f.put(id(1))
		for range tt.packets {
			f.put(udp4())
		}
		f.nanos += tt.age
		f.put(id(2))
		if st := f.d.Stats(); st.FragmentsEvicted != tt.evicted || st.FragmentsPending != 2-tt.evicted {
			t.Errorf("%s: %+v", tt.name, st)
		}
	}

	f = newFeed()
	long := split4(longPacket(false, 65000), 1<<15)[0]
	for i := range 1<<22>>15 + 1 {
		f.put(edit(long, setLen(4, i)))
	}
	if st := f.d.Stats(); st.FragmentsPending != 128 || st.FragmentsEvicted != 1 {
		t.Errorf("by bytes: %+v", st)
	}

	f = newFeed()
	for i := range 2000 {
		frag := edit(first[:28], setLen(2, 28))
		binary.BigEndian.PutUint16(frag[6:], 0x2000|uint16(i*2))
		f.put(frag)
		if n := f.d.Stats().FragmentsEvicted; (n == 1) != (i >= 1024) {
			t.Fatalf("by parts: %d datagrams given up after %d fragments", n, i+1)
		}
	}
}

func TestLocateFragments(t *testing.T) {
	f4 := split4(longPacket(false, 100), 64)
	f6 := split6(longPacket(true, 100), 6, 64)
	behind := func(word byte) []byte { // a fragment behind options
		return extended(0, []byte{44, 0, 1, 4, 0, 0, 0, 0}, []byte{6, 0, 0, word, 0, 0, 0, 9})
	}
	for i, want := range []struct {
		ip []byte
		l4 int
	}{{f4[0], 20}, {f4[1], -1}, {f6[0], 48}, {f6[1], -1}, {behind(1), 56}, {behind(8), -1}} {
		if l3, l4, ok := tcpip.Locate(linktype.Raw, want.ip); l3 != 0 || l4 != want.l4 || !ok {
			t.Errorf("fragment %d: %d, %d, %v, want 0, %d, true", i, l3, l4, ok, want.l4)
		}
	}
}
