package judge

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// A tape is a capture file in memory, to be changed and written again.
type tape struct {
	pod        string
	name       string
	interfaces []capture.Interface
	packets    []*capture.Packet
}

// tapes reads all captures of a scene.
func (s *scene) tapes(t testing.TB) []*tape {
	t.Helper()
	var all []*tape
	for _, in := range s.inputs {
		all = append(all, loadTape(t, in.Name, in.Pod))
	}
	return all
}

func loadTape(t testing.TB, name, pod string) *tape {
	t.Helper()
	r, err := capture.Open(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	tp := &tape{pod: pod, name: filepath.Base(name)}
	for p, err := range r.Packets() {
		if err != nil {
			t.Fatal(err)
		}
		c := *p
		c.Data, c.Comments = bytes.Clone(p.Data), nil
		tp.packets = append(tp.packets, &c)
	}
	tp.interfaces = append(tp.interfaces, r.Interfaces()...)
	return tp
}

// write writes the tape as a pcapng file.
func (tp *tape) write(t testing.TB, dir string) mesh.Input {
	t.Helper()
	var b bytes.Buffer
	w := capture.NewWriter(&b, nil)
	for _, in := range tp.interfaces {
		if _, err := w.AddInterface(in); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range tp.packets {
		if err := w.WritePacket(p.Interface, p.Time, p.WireLen, p.Flags, nil, p.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, tp.name+".pcapng")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return mesh.Input{Name: name, Pod: tp.pod}
}

// writeTapes writes all tapes and returns the inputs in their order.
func writeTapes(t testing.TB, all []*tape) []mesh.Input {
	t.Helper()
	dir := t.TempDir()
	var inputs []mesh.Input
	for _, tp := range all {
		inputs = append(inputs, tp.write(t, dir))
	}
	return inputs
}

// edit changes every packet of all tapes, or drops it where f returns false.
func edit(all []*tape, f func(*capture.Packet) bool) {
	for _, tp := range all {
		kept := tp.packets[:0]
		for _, p := range tp.packets {
			if f(p) {
				kept = append(kept, p)
			}
		}
		tp.packets = kept
	}
}

// A view is the parts of a TCP packet.
type view struct {
	ip       []byte // from the IP header on
	l4       int    // offset of the TCP header in it
	src, dst netip.AddrPort
}

// dissectPacket finds the parts of a TCP packet; ok is false for others.
func dissectPacket(p *capture.Packet) (v view, ok bool) {
	l3, l4, ok := tcpip.Locate(p.Link, p.Data)
	if !ok || l4 < 0 || len(p.Data) < l4+14 {
		return v, false
	}
	v = view{ip: p.Data[l3:], l4: l4 - l3}
	proto, src, dst := v.ip[9], v.ip[12:16], v.ip[16:20]
	if v.ip[0]>>4 == 6 {
		proto, src, dst = v.ip[6], v.ip[8:24], v.ip[24:40]
	}
	if proto != byte(tcpip.ProtoTCP) {
		return v, false
	}
	end := func(addr []byte, port []byte) netip.AddrPort {
		a, _ := netip.AddrFromSlice(addr)
		return netip.AddrPortFrom(a, uint16(port[0])<<8|uint16(port[1]))
	}
	tcp := v.ip[v.l4:]
	v.src, v.dst = end(src, tcp[0:2]), end(dst, tcp[2:4])
	return v, true
}

// flags returns the TCP flags.
func (v *view) flags() byte { return v.ip[v.l4+13] }

// rename gives both ends of every TCP packet another name.
func rename(t testing.TB, all []*tape, to func(netip.AddrPort) netip.AddrPort) {
	edit(all, func(p *capture.Packet) bool {
		if v, ok := dissectPacket(p); ok {
			if err := tcpip.RewriteTuple(v.ip, v.l4, to(v.src), to(v.dst)); err != nil {
				t.Fatal(err)
			}
		}
		return true
	})
}

// split cuts a tape in two.
func split(all []*tape, i, at int) []*tape {
	a, b := *all[i], *all[i]
	a.name, b.name = "1-"+a.name, "2-"+b.name
	a.packets, b.packets = a.packets[:at], b.packets[at:]
	out := append([]*tape{}, all[:i]...)
	return append(append(out, &a, &b), all[i+1:]...)
}

// anonymous turns every request id that stands in one packet into a field that
// means nothing and is the same everywhere.
func anonymous(p *capture.Packet) bool {
	const name, other = "\nx-request-id:", "\nx-padding-id:"
	for k := 0; k+len(name) <= len(p.Data); k++ {
		field := p.Data[k:]
		if !bytes.EqualFold(field[:len(name)], []byte(name)) {
			continue
		}
		copy(field, other)
		for i := len(other); i < len(field) && field[i] != '\r' && field[i] != '\n'; i++ {
			if field[i] != ' ' {
				field[i] = '0'
			}
		}
	}
	return true
}

// mirror maps the addresses and ports of a scene to others, one to one; it is
// its own inverse. Loopback keeps its addresses, and the mesh's own listeners
// and DNS their ports, for these have a meaning.
func mirror(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(mirrorAddr(a.Addr()), mirrorPort(a.Port()))
}

func mirrorAddr(a netip.Addr) netip.Addr {
	if a.IsLoopback() || a.IsLinkLocalUnicast() || a == netip.MustParseAddr("::6") {
		return a // the mesh's own
	}
	b := a.AsSlice()
	b[0] ^= 1
	for i := 2; i < len(b); i++ {
		b[i] ^= 0x5a
	}
	m, _ := netip.AddrFromSlice(b)
	return m
}

// mirrorPort turns ports that clients use around, and servers' too, each among
// their like: the lower port of two is a hint which is the server's.
func mirrorPort(p uint16) uint16 {
	const own, ephemeral = 15000, 30000
	switch {
	case p >= ephemeral:
		return 65535 - (p - ephemeral)
	case p < own && p != 53 && p != own-1-53:
		return own - 1 - p
	}
	return p
}

// permuted mixes the ports that clients use, so that neither their order nor
// the distance of two says anything, and mirrors addresses. Permutations of
// which one takes the shift away first and multiplies with the inverse are each
// other's inverse.
func permuted(factor, shift int64) func(netip.AddrPort) netip.AddrPort {
	const first, n = 32768, 28232 // net.ipv4.ip_local_port_range
	return func(a netip.AddrPort) netip.AddrPort {
		p := int64(a.Port())
		if p >= first && p < first+n {
			p -= first
			if shift < 0 {
				p = (p + shift + n) % n * factor % n
			} else {
				p = (p*factor + shift) % n
			}
			p += first
		}
		return netip.AddrPortFrom(mirrorAddr(a.Addr()), uint16(p))
	}
}

// elsewhere gives the proxy's listeners other ports, as under a mesh that no
// profile describes. It is its own inverse.
func elsewhere(a netip.AddrPort) netip.AddrPort {
	swap := map[uint16]uint16{15001: 19001, 15006: 19006, 19001: 15001, 19006: 15006}
	if to, ok := swap[a.Port()]; ok {
		return netip.AddrPortFrom(a.Addr(), to)
	}
	return a
}

// permuted has an inverse.
func TestPermuted(t *testing.T) {
	to, back := permuted(7919, 4711), permuted(1287, -4711)
	for p := range 1 << 16 {
		a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 1}), uint16(p))
		if got := back(to(a)); got != a {
			t.Fatalf("%v becomes %v and then %v", a, to(a), got)
		}
	}
}
