package pcap

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// A Datagram is a UDP packet of a capture.
type Datagram struct {
	Interface string // as in pcapng; "lo" gets zero Ethernet addresses
	Nanos     int64
	Src, Dst  netip.AddrPort
	Payload   []byte
	Cut       int // bytes that the snapshot length cut off
	Split     int // of IPv4: bytes behind the IP header in the first of two fragments, a multiple of 8; 0 = not fragmented
}

// UDP returns an IP packet with a UDP datagram and right checksums.
func UDP(src, dst netip.AddrPort, payload []byte) []byte {
	u := &layers.UDP{SrcPort: layers.UDPPort(src.Port()), DstPort: layers.UDPPort(dst.Port())}
	var ip gopacket.SerializableLayer
	if src.Addr().Is4() {
		h := &layers.IPv4{Version: 4, TTL: 64, Id: 7, Protocol: layers.IPProtocolUDP, SrcIP: src.Addr().AsSlice(), DstIP: dst.Addr().AsSlice()}
		must(u.SetNetworkLayerForChecksum(h))
		ip = h
	} else {
		h := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP, SrcIP: src.Addr().AsSlice(), DstIP: dst.Addr().AsSlice()}
		must(u.SetNetworkLayerForChecksum(h))
		ip = h
	}
	b := gopacket.NewSerializeBuffer()
	must(gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ip, u, gopacket.Payload(payload)))
	return b.Bytes()
}

// UDPFile returns datagrams as a pcapng file with one interface block for each
// interface.
func UDPFile(ds []Datagram) []byte {
	var out bytes.Buffer
	w := capture.NewWriter(&out, nil)
	ifaces := make(map[string]int)
	for _, d := range ds {
		i, ok := ifaces[d.Interface]
		if !ok {
			var err error
			i, err = w.AddInterface(capture.Interface{Name: d.Interface, Link: linktype.Ethernet})
			must(err)
			ifaces[d.Interface] = i
		}
		link := make([]byte, 14)
		if d.Interface != "lo" {
			link[0], link[6] = 2, 2
		}
		link[12], link[13] = 0x08, 0x00
		if d.Src.Addr().Is6() {
			link[12], link[13] = 0x86, 0xdd
		}
		for _, ip := range fragments(UDP(d.Src, d.Dst, d.Payload), d.Split) {
			frame := append(bytes.Clone(link), ip...)
			must(w.WritePacket(i, capture.Time(d.Nanos), uint32(len(frame)), 0, nil, frame[:len(frame)-d.Cut]))
		}
	}
	must(w.Flush())
	return out.Bytes()
}

// fragments cuts an IPv4 packet without options in two.
func fragments(ip []byte, split int) [][]byte {
	if split == 0 {
		return [][]byte{ip}
	}
	first, second := bytes.Clone(ip[:20+split]), append(bytes.Clone(ip[:20]), ip[20+split:]...)
	binary.BigEndian.PutUint16(first[6:], 0x2000) // more fragments
	binary.BigEndian.PutUint16(second[6:], uint16(split/8))
	for _, f := range [][]byte{first, second} {
		binary.BigEndian.PutUint16(f[2:], uint16(len(f)))
		f[10], f[11] = 0, 0
		binary.BigEndian.PutUint16(f[10:], tcpip.Checksum(f[:20]))
	}
	return [][]byte{first, second}
}
