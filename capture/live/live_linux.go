//go:build linux

package live

import (
	"fmt"

	"github.com/google/gopacket/pcapgo"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
)

// snapLen is what tcpdump captures of a packet if it is not told otherwise.
const snapLen = 262144

// A Source captures packets from a network interface of this host. On lo every
// packet comes twice; a tcpip.Decoder marks the second copy. VLAN tags that the
// kernel took off are not put back. It is not safe for concurrent use.
type Source struct {
	h      *pcapgo.EthernetHandle
	iface  capture.Interface
	packet capture.Packet
}

// Open begins to capture on the named interface, which must have Ethernet
// headers, as lo has. It needs CAP_NET_RAW. The caller closes the Source.
func Open(name string) (*Source, error) {
	h, err := pcapgo.NewEthernetHandle(name)
	if err != nil {
		return nil, fmt.Errorf("capture on %s: %w", name, err)
	}
	// The handle's own buffer has the size of the MTU, which neither the
	// header nor segments joined by offload fit into.
	if err := h.SetCaptureLength(snapLen); err != nil {
		h.Close()
		return nil, fmt.Errorf("capture on %s: %w", name, err)
	}
	return &Source{h: h, iface: capture.Interface{Name: name, Link: linktype.Ethernet, SnapLen: snapLen}}, nil
}

// Next waits for the next packet. It and its bytes are valid until the next
// call.
func (s *Source) Next() (*capture.Packet, error) {
	data, ci, err := s.h.ZeroCopyReadPacketData()
	if err != nil {
		return nil, fmt.Errorf("capture on %s: %w", s.iface.Name, err)
	}
	s.packet = capture.Packet{
		Ref:  capture.Ref{Packet: s.packet.Ref.Packet + 1},
		Time: capture.TimeOf(ci.Timestamp),
		Link: linktype.Ethernet, WireLen: uint32(ci.Length), Data: data,
	}
	return &s.packet, nil
}

// Interfaces returns the interface captured on, as Reader.Interfaces does.
func (s *Source) Interfaces() []capture.Interface { return []capture.Interface{s.iface} }

// Close ends the capture. It does not wake a Next that waits.
func (s *Source) Close() error {
	s.h.Close()
	return nil
}
