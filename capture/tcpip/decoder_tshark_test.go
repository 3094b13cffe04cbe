package tcpip_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// realCaptures are those of the testbed that differ in link type, address
// family or snaplen.
var realCaptures = []string{"any-sll1-any.pcap", "any-sll2-any.pcap", "dumpcap-both-both.pcapng", "ipv6-lo.pcap", "snaplen-96-eth0.pcap", "inbound-plain-lo.pcap"}

// eachReal calls f for the packets of each real capture.
func eachReal(t *testing.T, f func(t *testing.T, file string, packets []capture.Packet, ifaces []capture.Interface)) {
	for _, name := range realCaptures {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("..", "..", "testdata", "pcaps", name)
			r, err := capture.Open(file, nil)
			check(t, err)
			defer r.Close()
			var packets []capture.Packet
			for {
				p, err := r.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				check(t, err)
				q := *p
				q.Data = bytes.Clone(p.Data)
				packets = append(packets, q)
			}
			f(t, file, packets, r.Interfaces())
		})
	}
}

// tsharkLines prints the packets of a file that tshark finds TCP in.
func tsharkLines(t *testing.T, file string) []string {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("needs tshark")
	}
	args := []string{"-n", "-r", file, "-Y", "tcp", "-T", "fields", "-E", "separator= "}
	for _, field := range []string{"frame.number", "ip.src", "ipv6.src", "tcp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport", "tcp.seq_raw", "tcp.ack_raw", "tcp.flags", "tcp.window_size_value", "tcp.len", "tcp.options.timestamp.tsval", "tcp.options.mss_val", "tcp.options.wscale.shift"} {
		args = append(args, "-e", field)
	}
	out, err := exec.Command(tshark, args...).Output()
	check(t, err)
	var lines []string
	for sc := bufio.NewScanner(bytes.NewReader(out)); sc.Scan(); {
		lines = append(lines, sc.Text())
	}
	return lines
}

// tsharkLine prints a segment as tshark does.
func tsharkLine(s *tcpip.Segment) string {
	ends := ""
	for _, e := range []netip.AddrPort{s.Tuple().Src, s.Tuple().Dst} {
		if e.Addr().Is4() {
			ends += fmt.Sprintf(" %v  %d", e.Addr(), e.Port())
		} else {
			ends += fmt.Sprintf("  %v %d", e.Addr(), e.Port())
		}
	}
	line := fmt.Sprintf("%d%s %d %d 0x%04x %d %d ", s.Ref.Packet, ends, s.Seq, s.Ack, s.Flags, s.Window, s.Wire)
	for _, f := range []struct {
		has   bool
		value any
	}{{s.HasTS, s.TSVal}, {s.MSS > 0, s.MSS}, {s.WScale >= 0, s.WScale}} {
		if f.has {
			line += fmt.Sprint(f.value)
		}
		line += " "
	}
	return line[:len(line)-1]
}

func TestDecodeAgreesWithTshark(t *testing.T) {
	eachReal(t, func(t *testing.T, file string, packets []capture.Packet, ifaces []capture.Interface) {
		want := tsharkLines(t, file)
		d := tcpip.NewDecoder(tcpip.NewPoints(), func(uint32) []capture.Interface { return ifaces })
		var got []string
		var s tcpip.Segment
		for i := range packets {
			if d.Decode(&packets[i], &s) {
				got = append(got, tsharkLine(&s))
			}
		}
		if st := d.Stats(); len(got) != len(want) || st.Malformed != 0 || len(got) < 20 {
			t.Fatalf("%d segments, tshark has %d: %+v", len(got), len(want), st)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("segment\n%s, tshark has\n%s", got[i], want[i])
			}
		}
	})
}

// libpcap records every packet on lo once.
func TestRealCapturesHaveNoSecondCopies(t *testing.T) {
	eachReal(t, func(t *testing.T, _ string, packets []capture.Packet, ifaces []capture.Interface) {
		d := tcpip.NewDecoder(tcpip.NewPoints(), func(uint32) []capture.Interface { return ifaces })
		var s tcpip.Segment
		for i := range packets {
			if d.Decode(&packets[i], &s) && s.Dup {
				t.Errorf("packet %d is marked", i+1)
			}
		}
	})
}

// What a captured checksum is, a rewritten one is: right, partial or wrong.
func TestRewriteTupleOfRealPackets(t *testing.T) {
	kinds := map[string]int{}
	eachReal(t, func(t *testing.T, _ string, packets []capture.Packet, ifaces []capture.Interface) {
		d := tcpip.NewDecoder(tcpip.NewPoints(), func(uint32) []capture.Interface { return ifaces })
		var s tcpip.Segment
		for i := range packets {
			p := &packets[i]
			if !d.Decode(p, &s) {
				continue
			}
			tuple, ip, l4 := s.Tuple(), bytes.Clone(p.Data[s.L3:]), int(s.L4-s.L3)
			src, dst := client4, server4
			if !tuple.Src.Addr().Is4() {
				src, dst = client6, server6
			}
			was := checksumKind(ip, l4, tuple.Src.Addr(), tuple.Dst.Addr(), &s)
			check(t, tcpip.RewriteTuple(ip, l4, src, dst))
			if is := checksumKind(ip, l4, src.Addr(), dst.Addr(), &s); is != was {
				t.Errorf("packet %d: a %s checksum became %s", i+1, was, is)
			}
			kinds[was]++
			check(t, tcpip.RewriteTuple(ip, l4, tuple.Src, tuple.Dst))
			if !bytes.Equal(ip, p.Data[s.L3:]) {
				t.Errorf("packet %d: there and back differs", i+1)
			}
		}
	})
	if kinds["partial"] == 0 {
		t.Errorf("checksums %v: offload leaves partial ones in such captures", kinds)
	}
}

func checksumKind(ip []byte, l4 int, src, dst netip.Addr, s *tcpip.Segment) string {
	n := int(s.Data-s.L4) + int(s.Wire)
	switch {
	case len(ip) >= l4+n && slowChecksum(src, dst, ip[l4:l4+n]) == 0:
		return "right"
	case partialSum(src, dst, n) == uint16(ip[l4+16])<<8|uint16(ip[l4+17]):
		return "partial"
	}
	return "wrong"
}
