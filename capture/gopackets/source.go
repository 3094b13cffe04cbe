package gopackets

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
)

// A Source offers the packets of a Reader to programs written against
// gopacket. It is a gopacket.PacketDataSource and ZeroCopyPacketDataSource, and
// it is also the gopacket.Decoder for what it reads:
//
//	src := gopackets.NewSource(reader)
//	for packet := range gopacket.NewPacketSource(src, src).Packets() {
//		fmt.Println(packet)
//	}
//
// That decodes every packet by its own link type, which gopacket's own readers
// cannot: there a link type is 8 bits wide, and LINKTYPE_LINUX_SLL2 has 9. With
// gopacket.Lazy, which decodes after further packets may have been read, use
// LinkDecoder and an input of one link type. It is not safe for concurrent use.
type Source struct {
	next  func() (*capture.Packet, error)
	link  linktype.Type
	done  bool
	ancil [1]any
}

// NewSource returns a Source of r's packets. It does not close r.
func NewSource(r *capture.Reader) *Source { return &Source{next: r.Next} }

// ReadPacketData returns the next packet in memory of its own. AncillaryData
// holds the packet's Ref. A *capture.Error is returned once, and then io.EOF, because
// gopacket.PacketSource retries after every other error, for ever.
func (s *Source) ReadPacketData() ([]byte, gopacket.CaptureInfo, error) {
	data, ci, err := s.ZeroCopyReadPacketData()
	if err != nil {
		return nil, ci, err
	}
	ci.AncillaryData = []any{ci.AncillaryData[0]}
	return append([]byte(nil), data...), ci, nil
}

// ZeroCopyReadPacketData is ReadPacketData, but the data and AncillaryData are
// valid until the next call.
func (s *Source) ZeroCopyReadPacketData() ([]byte, gopacket.CaptureInfo, error) {
	if s.done {
		return nil, gopacket.CaptureInfo{}, io.EOF
	}
	p, err := s.next()
	if err != nil {
		s.done = true
		return nil, gopacket.CaptureInfo{}, err
	}
	s.link, s.ancil[0] = p.Link, p.Ref
	return p.Data, gopacket.CaptureInfo{
		Timestamp:     time.Unix(0, int64(p.Time)).UTC(),
		CaptureLength: len(p.Data),
		Length:        max(int(p.WireLen), len(p.Data)),

		InterfaceIndex: p.Interface,
		AncillaryData:  s.ancil[:],
	}, nil
}

// Decode decodes data by the link type of the packet read last.
func (s *Source) Decode(data []byte, b gopacket.PacketBuilder) error {
	return LinkDecoder(s.link).Decode(data, b)
}

// LinkDecoder returns gopacket's decoder of a link type. LINKTYPE_LINUX_SLL2
// headers come out as a layers.LinuxSLL, whose fields they share but for the
// interface index.
func LinkDecoder(link linktype.Type) gopacket.Decoder {
	switch link {
	case linktype.Null, linktype.Loop:
		return layers.LayerTypeLoopback
	case linktype.Raw, linktype.RawBSD, linktype.RawOBSD:
		return layers.LinkTypeRaw
	case linktype.IPv4:
		return layers.LayerTypeIPv4
	case linktype.IPv6:
		return layers.LayerTypeIPv6
	case linktype.SLL2:
		return gopacket.DecodeFunc(decodeSLL2)
	}
	if link > math.MaxUint8 {
		return gopacket.DecodeUnknown
	}
	return layers.LinkType(link)
}

// decodeSLL2 adds an SLL2 header to a gopacket packet.
func decodeSLL2(data []byte, b gopacket.PacketBuilder) error {
	n := linktype.SLL2.HeaderLen()
	if len(data) < n {
		b.SetTruncated()
		return fmt.Errorf("sll2 header: %w: have %d of %d bytes", capture.ErrTruncated, len(data), n)
	}
	sll := &layers.LinuxSLL{
		BaseLayer:    layers.BaseLayer{Contents: data[:n], Payload: data[n:]},
		PacketType:   layers.LinuxSLLPacketType(data[10]),
		AddrLen:      uint16(data[11]),
		Addr:         net.HardwareAddr(data[12 : 12+min(data[11], 8)]),
		EthernetType: layers.EthernetType(binary.BigEndian.Uint16(data)),
		AddrType:     binary.BigEndian.Uint16(data[8:]),
	}
	b.AddLayer(sll)
	b.SetLinkLayer(sll)
	return b.NextDecoder(sll.EthernetType)
}
