//go:build linux

package capture

import (
	"fmt"

	"github.com/google/gopacket/pcapgo"

	"github.com/pcapmesh/pcapmesh/capture/linktype"
)

// A Live captures packets from a network interface of this host, on Linux. It
// reads AF_PACKET, so on lo every packet comes twice; a tcpip.Decoder marks
// the second copy. VLAN tags that the kernel took off are not put back. It is not
// safe for concurrent use.
type Live struct {
	h      *pcapgo.EthernetHandle
	iface  Interface
	packet Packet
}

// OpenLive begins to capture on the named interface, which must have Ethernet
// headers, as lo has. It needs CAP_NET_RAW. The caller closes the Live.
func OpenLive(name string) (*Live, error) {
	h, err := pcapgo.NewEthernetHandle(name)
	if err != nil {
		return nil, fmt.Errorf("capture on %s: %w", name, err)
	}
	// The handle's own buffer has the size of the MTU, which neither the
	// header nor segments joined by offload fit into.
	if err := h.SetCaptureLength(defaultSnapLen); err != nil {
		h.Close()
		return nil, fmt.Errorf("capture on %s: %w", name, err)
	}
	return &Live{h: h, iface: Interface{Name: name, Link: linktype.Ethernet, SnapLen: defaultSnapLen}}, nil
}

// Next waits for the next packet. It and its bytes are valid until the next
// call.
func (l *Live) Next() (*Packet, error) {
	data, ci, err := l.h.ZeroCopyReadPacketData()
	if err != nil {
		return nil, fmt.Errorf("capture on %s: %w", l.iface.Name, err)
	}
	l.packet = Packet{
		Ref:   Ref{Packet: l.packet.Ref.Packet + 1},
		Nanos: ci.Timestamp.UnixNano(),
		Link:  linktype.Ethernet, WireLen: uint32(ci.Length), Data: data,
	}
	return &l.packet, nil
}

// Interfaces returns the interface captured on, as Reader.Interfaces does.
func (l *Live) Interfaces() []Interface { return []Interface{l.iface} }

// Close ends the capture. It does not wake a Next that waits.
func (l *Live) Close() error {
	l.h.Close()
	return nil
}
