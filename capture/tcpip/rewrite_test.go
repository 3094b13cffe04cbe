package tcpip_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/linktype"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// segmentChecks computes both checksums of an IP packet with a TCP header at
// l4 anew; 0 means right.
func segmentChecks(t *testing.T, ip []byte, l4 int) (header, segment uint16) {
	t.Helper()
	if ip[0]>>4 == 6 {
		src, _ := netip.AddrFromSlice(ip[8:24])
		dst, _ := netip.AddrFromSlice(ip[24:40])
		return 0, slowChecksum(src, dst, ip[l4:])
	}
	src, _ := netip.AddrFromSlice(ip[12:16])
	dst, _ := netip.AddrFromSlice(ip[16:20])
	return slowSum(ip[:l4]), slowChecksum(src, dst, ip[l4:])
}

// slowSum is RFC 1071 as it is written.
func slowSum(b []byte) uint16 {
	sum := 0
	for i, c := range b {
		if i%2 == 0 {
			sum += int(c) << 8
		} else {
			sum += int(c)
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

func slowChecksum(src, dst netip.Addr, seg []byte) uint16 {
	pseudo := join(src.AsSlice(), dst.AsSlice(), words(6, uint16(len(seg)>>16), uint16(len(seg))))
	return slowSum(join(pseudo, seg))
}

func TestChecksumAgreesWithRFC1071(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for n := range 300 {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		if n%7 == 0 {
			for i := range b {
				b[i] = 0xff
			}
		}
		if got, want := tcpip.Checksum(b), slowSum(b); got != want {
			t.Errorf("%d bytes: %#x, want %#x", n, got, want)
		}
		for _, e := range [][2]netip.AddrPort{{client4, server4}, {client6, server6}} {
			if got, want := tcpip.TCPChecksum(e[0].Addr(), e[1].Addr(), b), slowChecksum(e[0].Addr(), e[1].Addr(), b); got != want {
				t.Errorf("segment of %d bytes: %#x, want %#x", n, got, want)
			}
		}
	}
	if got := tcpip.TCPChecksum(netip.AddrFrom16(client4.Addr().As16()), server4.Addr(), nil); got != slowChecksum(client4.Addr(), server4.Addr(), nil) {
		t.Errorf("with an IPv4-mapped address: %#x", got)
	}
}

// randomEnd returns an address and port.
func randomEnd(rnd *rand.Rand, v6 bool) netip.AddrPort {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], rnd.Uint64())
	binary.BigEndian.PutUint64(b[8:], rnd.Uint64())
	b[0] |= 1
	a := netip.AddrFrom16(b)
	if !v6 {
		a = netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.AddrPortFrom(a, uint16(rnd.Uint32()))
}

func TestRewriteTupleKeepsChecksums(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for round := range 20000 {
		v6 := round%2 == 1
		from, to := [2]netip.AddrPort{randomEnd(rnd, v6), randomEnd(rnd, v6)}, [2]netip.AddrPort{randomEnd(rnd, v6), randomEnd(rnd, v6)}
		build := func(ends [2]netip.AddrPort) []byte {
			h := tcpip.Header{Src: ends[0], Dst: ends[1], Seq: uint32(round), Flags: tcpip.FlagACK, HasTS: round%3 == 0, IPID: uint16(round)}
			return tcpip.AppendTCP(nil, &h, pattern(round%70))[14:]
		}
		ip, l4 := build(from), 20
		if v6 {
			l4 = 40
		}
		before := bytes.Clone(ip)
		check(t, tcpip.RewriteTuple(ip, l4, to[0], to[1]))
		if want := build(to); !bytes.Equal(ip, want) {
			t.Fatalf("%v to %v:\n got %x\nwant %x", from, to, ip, want)
		}
		if h, s := segmentChecks(t, ip, l4); h != 0 || s != 0 {
			t.Fatalf("%v to %v: checksums off by %#x, %#x", from, to, h, s)
		}
		check(t, tcpip.RewriteTuple(ip, l4, from[0], from[1]))
		if !bytes.Equal(ip, before) {
			t.Fatalf("%v and back:\n got %x\nwant %x", to, ip, before)
		}
	}
}

// A wrong checksum stays wrong by the same difference.
func TestRewriteTupleKeepsWrongChecksums(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	for round := range 5000 {
		v6 := round%2 == 1
		from, to := [2]netip.AddrPort{randomEnd(rnd, v6), randomEnd(rnd, v6)}, [2]netip.AddrPort{randomEnd(rnd, v6), randomEnd(rnd, v6)}
		h := tcpip.Header{Src: from[0], Dst: from[1], Flags: tcpip.FlagACK}
		ip, l4 := tcpip.AppendTCP(nil, &h, pattern(50))[14:], 20
		if v6 {
			l4 = 40
		}
		wrong := uint16(rnd.Uint32())
		if round < 10 {
			wrong = 0 // which says in UDP alone that there is none
		}
		binary.BigEndian.PutUint16(ip[l4+16:], wrong)
		if !v6 {
			ip[10] = byte(rnd.Uint32() & 0x7f) // never 0xffff: 0 is its other form
		}
		before := bytes.Clone(ip)
		h0, s0 := segmentChecks(t, ip, l4)
		check(t, tcpip.RewriteTuple(ip, l4, to[0], to[1]))
		if h1, s1 := segmentChecks(t, ip, l4); !sameOnes(h0, h1) || !sameOnes(s0, s1) {
			t.Fatalf("%#x %#x became %#x %#x", h0, s0, h1, s1)
		}
		check(t, tcpip.RewriteTuple(ip, l4, from[0], from[1]))
		if wrong != 0xffff && wrong != 0 && !bytes.Equal(ip, before) {
			t.Fatalf("there and back:\n got %x\nwant %x", ip, before)
		}
	}
}

// sameOnes compares numbers in one's complement, where 0 has two forms.
func sameOnes(a, b uint16) bool { return a%0xffff == b%0xffff }

// partialSum is what the kernel leaves in a packet that the network card is to
// complete: the sum of the pseudo header, not complemented.
func partialSum(src, dst netip.Addr, n int) uint16 {
	return ^slowSum(join(src.AsSlice(), dst.AsSlice(), words(6, uint16(n))))
}

func TestRewriteTupleKeepsPartialChecksums(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 10))
	for round := range 2000 {
		v6 := round%2 == 1
		from, to := [2]netip.AddrPort{randomEnd(rnd, v6), randomEnd(rnd, v6)}, [2]netip.AddrPort{randomEnd(rnd, v6), randomEnd(rnd, v6)}
		h := tcpip.Header{Src: from[0], Dst: from[1], Flags: tcpip.FlagACK}
		ip, l4 := tcpip.AppendTCP(nil, &h, pattern(round*3))[14:], 20
		if v6 {
			l4 = 40
		}
		n := len(ip) - l4
		binary.BigEndian.PutUint16(ip[l4+16:], partialSum(from[0].Addr(), from[1].Addr(), n))
		before := bytes.Clone(ip)
		cut := ip[:len(ip)-round%20]
		check(t, tcpip.RewriteTuple(cut, l4, to[0], to[1]))
		if got, want := binary.BigEndian.Uint16(ip[l4+16:]), partialSum(to[0].Addr(), to[1].Addr(), n); got != want {
			t.Fatalf("round %d: partial checksum %#x, want %#x", round, got, want)
		}
		check(t, tcpip.RewriteTuple(cut, l4, from[0], from[1]))
		if !bytes.Equal(ip, before) {
			t.Fatalf("there and back:\n got %x\nwant %x", ip, before)
		}
	}
}

// A right checksum may have the value of the partial one by chance.
func TestRewriteTupleTellsRightFromPartial(t *testing.T) {
	h := tcpip.Header{Src: client4, Dst: server4, Flags: tcpip.FlagACK}
	want := partialSum(client4.Addr(), server4.Addr(), 22)
	for v := range 1 << 16 {
		ip := tcpip.AppendTCP(nil, &h, words(uint16(v)))[14:]
		if binary.BigEndian.Uint16(ip[36:]) != want {
			continue
		}
		check(t, tcpip.RewriteTuple(ip, 20, server4, client4))
		check(t, tcpip.RewriteTuple(ip, 20, netip.MustParseAddrPort("127.0.0.1:15001"), client4))
		if h, s := segmentChecks(t, ip, 20); h != 0 || s != 0 {
			t.Errorf("payload %#x: checksums off by %#x, %#x", v, h, s)
		}
		return
	}
	t.Fatal("no payload has the checksum")
}

func TestRewriteTupleOfCutPackets(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		whole, l4 := ip4(), 20
		to := [2]netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:15001"), client4} // of another sum
		if v6 {
			whole, l4, to = ip6(), 40, [2]netip.AddrPort{netip.MustParseAddrPort("[::1]:15001"), client6}
		}
		want := bytes.Clone(whole)
		check(t, tcpip.RewriteTuple(want, l4, to[0], to[1]))
		for n := range whole {
			ip := bytes.Clone(whole[:n:n])
			err := tcpip.RewriteTuple(ip, l4, to[0], to[1])
			if (err == nil) != (n >= l4) {
				t.Errorf("%d bytes: %v", n, err)
			}
			left := bytes.Clone(want[:n])
			if err != nil {
				left = whole[:n]
			} else if n == l4+17 { // half a checksum cannot be updated
				left[n-1] = whole[n-1]
			}
			if !bytes.Equal(ip, left) {
				t.Errorf("%d bytes (%v):\n got %x\nwant %x", n, err, ip, left)
			}
		}
	}
}

// Rewriting the fragments of a datagram gives the fragments of the rewritten
// datagram.
func TestRewriteTupleOfFragments(t *testing.T) {
	p4, p6 := longPacket(false, 5000), longPacket(true, 5000)
	to4, to6 := netip.MustParseAddrPort("127.0.0.1:15001"), netip.MustParseAddrPort("[::1]:15001")
	w4, w6 := bytes.Clone(p4), bytes.Clone(p6)
	check(t, tcpip.RewriteTuple(w4, 20, to4, client4))
	check(t, tcpip.RewriteTuple(w6, 40, to6, client6))
	for _, c := range []struct {
		frags, want [][]byte
		src, dst    netip.AddrPort
	}{
		{split4(p4, 1480, 2960), split4(w4, 1480, 2960), to4, client4},
		{split6(p6, 6, 1448, 2896), split6(w6, 6, 1448, 2896), to6, client6},
	} {
		f := newFeed()
		for i, frag := range c.frags {
			l3, l4, ok := tcpip.Locate(linktype.Raw, frag)
			if !ok || l3 != 0 {
				t.Fatalf("fragment %d not located", i)
			}
			check(t, tcpip.RewriteTuple(frag, l4, c.src, c.dst))
			if c.src == to4 && slowSum(frag[:20]) != 0 {
				t.Errorf("fragment %d: header checksum wrong", i)
			}
			if !bytes.Equal(frag[20:], c.want[i][20:]) {
				t.Errorf("fragment %d differs", i)
			}
			if f.put(frag) != (i == 2) {
				t.Errorf("fragment %d", i)
			}
		}
		if f.s.Tuple().Src != c.src || f.s.Tuple().Dst != c.dst || f.s.Wire != 5000 {
			t.Errorf("rewritten to %v", f.s.Tuple())
		}
	}
}

func TestRewriteTupleRefusesOtherFamilies(t *testing.T) {
	for _, c := range []struct {
		ip       []byte
		l4       int
		src, dst netip.AddrPort
	}{
		{ip4(), 20, client6, server6}, {ip6(), 40, client4, server4}, {ip4(), 20, client4, server6}, {ip6(), 40, client4, server6},
		{ip4(), 20, client6, server4}, {ip6(), 40, client6, server4},
		{ip4(), 20, client4, netip.AddrPort{}}, {ip6(), 40, client6, netip.AddrPort{}}, {ip6(), 40, netip.AddrPort{}, server6}, {nil, 0, client4, server4}, {make([]byte, 60), 20, client4, server4},
	} {
		ip := bytes.Clone(c.ip)
		if tcpip.RewriteTuple(ip, c.l4, c.src, c.dst) == nil || !bytes.Equal(ip, c.ip) {
			t.Errorf("%v > %v written into %x", c.src, c.dst, c.ip)
		}
	}
}

func TestRewriteTupleDoesNotAllocate(t *testing.T) {
	a, b := ip4(), ip6()
	if n := testing.AllocsPerRun(100, func() {
		_ = tcpip.RewriteTuple(a, 20, server4, client4)
		_ = tcpip.RewriteTuple(b, 40, server6, client6)
	}); n != 0 {
		t.Errorf("RewriteTuple allocates %v times", n)
	}
}

// FuzzRewriteTuple checks that nothing but addresses, ports and checksums
// changes, and nothing at all with an error.
func FuzzRewriteTuple(f *testing.F) {
	f.Add(ip4(), 20)
	f.Add(ip6(), 40)
	f.Add(ip4()[:21], 20)
	f.Add(split4(longPacket(false, 100), 64)[1], -1)
	f.Add(extended(0, []byte{6, 0, 1, 4, 0, 0, 0, 0}), 48)
	f.Fuzz(func(t *testing.T, data []byte, l4 int) {
		if l4 > 1<<20 {
			return
		}
		ip, src, dst := bytes.Clone(data), server4, client4
		if len(ip) > 0 && ip[0]>>4 == 6 {
			src, dst = server6, client6
		}
		if tcpip.RewriteTuple(ip, l4, src, dst) != nil {
			if !bytes.Equal(ip, data) {
				t.Fatal("changed in spite of an error")
			}
			return
		}
		from, to := 12, 20
		if src == server6 {
			from, to = 8, 40
		}
		ends := join(src.Addr().AsSlice(), dst.Addr().AsSlice())
		if l4 >= to && !bytes.Equal(ip[from:to], ends) {
			t.Fatalf("addresses %x, want %x", ip[from:to], ends)
		}
		for i := range ip {
			inL4 := l4 >= 0 && (i >= l4 && i < l4+4 || i == l4+16 || i == l4+17)
			if ip[i] != data[i] && !(i >= from && i < to) && !(to == 20 && (i == 10 || i == 11)) && !inL4 {
				t.Fatalf("byte %d changed", i)
			}
		}
	})
}
