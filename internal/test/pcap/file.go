package pcap

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

const snapLen = 1 << 18

// PCAP returns the packets of the named interfaces, of all when none is named,
// as a classic pcap file with nanoseconds and Ethernet headers.
func (t *Trace) PCAP(interfaces ...string) []byte {
	var b bytes.Buffer
	w := pcapgo.NewWriterNanos(&b)
	must(w.WriteFileHeader(snapLen, layers.LinkTypeEthernet))
	for _, p := range t.of(interfaces) {
		info, data := p.frame()
		must(w.WritePacket(info, data))
	}
	return b.Bytes()
}

// PCAPNG returns the packets of the named interfaces, of all when none is
// named, as a pcapng file with one interface block for each interface.
func (t *Trace) PCAPNG(interfaces ...string) []byte {
	var b bytes.Buffer
	packets := t.of(interfaces)
	var names []string
	for _, p := range packets {
		if !slices.Contains(names, p.Interface) {
			names = append(names, p.Interface)
		}
	}
	if names == nil {
		names = []string{""}
	}
	w, err := pcapgo.NewNgWriterInterface(&b, ngInterface(names[0]), pcapgo.DefaultNgWriterOptions)
	must(err)
	for _, name := range names[1:] {
		_, err := w.AddInterface(ngInterface(name))
		must(err)
	}
	for _, p := range packets {
		info, data := p.frame()
		info.InterfaceIndex = slices.Index(names, p.Interface)
		must(w.WritePacket(info, data))
	}
	must(w.Flush())
	return b.Bytes()
}

func ngInterface(name string) pcapgo.NgInterface {
	return pcapgo.NgInterface{Name: name, LinkType: layers.LinkTypeEthernet, SnapLength: snapLen, TimestampResolution: 9}
}

// WriteFile writes a capture to a file in a directory that goes away with the
// test, and returns its path.
func WriteFile(tb testing.TB, name string, data []byte) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func (t *Trace) of(interfaces []string) []*Packet {
	if len(interfaces) == 0 {
		return t.packets
	}
	var out []*Packet
	for _, p := range t.packets {
		if slices.Contains(interfaces, p.Interface) {
			out = append(out, p)
		}
	}
	return out
}

// frame returns the packet as it stands in a file.
func (p *Packet) frame() (gopacket.CaptureInfo, []byte) {
	b := gopacket.NewSerializeBuffer()
	eth, ip, network := p.headers()
	tcp := p.tcp()
	must(tcp.SetNetworkLayerForChecksum(network))
	o := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	must(gopacket.SerializeLayers(b, o, eth, ip, tcp, gopacket.Payload(p.Bytes)))
	data := b.Bytes()
	cut := len(data) - len(p.Bytes) + len(p.captured())
	return gopacket.CaptureInfo{
		Timestamp: time.Unix(0, int64(p.Time)).UTC(), CaptureLength: cut, Length: len(data),
	}, data[:cut]
}

// headers returns the headers below TCP. Frames of interface lo have zero
// addresses, as Linux records them.
func (p *Packet) headers() (*layers.Ethernet, gopacket.SerializableLayer, gopacket.NetworkLayer) {
	eth := &layers.Ethernet{SrcMAC: make(net.HardwareAddr, 6), DstMAC: make(net.HardwareAddr, 6)}
	if p.Interface != "lo" {
		eth.SrcMAC[5], eth.DstMAC[5] = 1, 2
	}
	src, dst := p.Key.Src.Netip(), p.Key.Dst.Netip()
	if src.Is4() {
		eth.EthernetType = layers.EthernetTypeIPv4
		ip := &layers.IPv4{Version: 4, TTL: 64, Id: p.IPID, Protocol: layers.IPProtocolTCP, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
		return eth, ip, ip
	}
	eth.EthernetType = layers.EthernetTypeIPv6
	ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
	return eth, ip, ip
}

func (p *Packet) tcp() *layers.TCP {
	has := func(flag uint16) bool { return p.Flags&flag != 0 }
	t := &layers.TCP{
		SrcPort: layers.TCPPort(p.Key.SrcPort), DstPort: layers.TCPPort(p.Key.DstPort),
		Seq: p.Seq, Ack: p.Ack, Window: p.Window,
		FIN: has(tcpip.FlagFIN), SYN: has(tcpip.FlagSYN), RST: has(tcpip.FlagRST),
		PSH: has(tcpip.FlagPSH), ACK: has(tcpip.FlagACK), URG: has(tcpip.FlagURG),
	}
	option := func(kind layers.TCPOptionKind, data ...byte) {
		t.Options = append(t.Options, layers.TCPOption{OptionType: kind, OptionLength: uint8(2 + len(data)), OptionData: data})
	}
	if p.MSS != 0 {
		option(layers.TCPOptionKindMSS, byte(p.MSS>>8), byte(p.MSS))
	}
	if p.HasTS {
		option(layers.TCPOptionKindTimestamps,
			byte(p.TSVal>>24), byte(p.TSVal>>16), byte(p.TSVal>>8), byte(p.TSVal),
			byte(p.TSEcr>>24), byte(p.TSEcr>>16), byte(p.TSEcr>>8), byte(p.TSEcr))
	}
	if p.WScale >= 0 {
		option(layers.TCPOptionKindWindowScale, byte(p.WScale))
	}
	return t
}

func must(err error) {
	if err != nil {
		panic("pcap: " + err.Error())
	}
}
