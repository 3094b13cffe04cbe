package tcpip

import (
	"encoding/binary"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/capture/linktype"
)

const defaultTTL = 64

// A Header describes an Ethernet packet that AppendTCP builds. The zero value
// of every field but the addresses is usable.
type Header struct {
	SrcMAC, DstMAC [6]byte
	Src, Dst       netip.AddrPort // of one family; IPv4-mapped addresses count as IPv4

	Seq, Ack uint32
	Flags    uint16 // TCP control bits
	Window   uint16 // unscaled
	IPID     uint16 // IPv4 identification
	TTL      uint8  // or hop limit; 0 = 64

	MSS    uint16 // option of a SYN; 0 = none. Other segments never have it
	WScale int8   // window scale option of a SYN; negative = none. Other segments never have it

	HasTS        bool // whether to write the timestamps option
	TSVal, TSEcr uint32
}

// AppendTCP appends an Ethernet packet with an IP and a TCP header and the
// payload to dst, with right checksums, and returns the extended slice. It
// allocates only when dst is too small. With a payload that does not fit into
// the 16-bit length of the IP header, that length is 0, as segmentation offload
// leaves it. It panics when Src and Dst are not valid and of one family.
func AppendTCP(dst []byte, h *Header, payload []byte) []byte {
	src, to := h.Src.Addr().Unmap(), h.Dst.Addr().Unmap()
	if !src.IsValid() || !to.IsValid() || src.Is4() != to.Is4() {
		panic("tcpip: AppendTCP with addresses " + h.Src.String() + " and " + h.Dst.String())
	}
	var opts [24]byte
	o := h.appendOptions(opts[:0])
	segment := tcpMinLen + len(o) + len(payload)

	dst = append(append(dst, h.DstMAC[:]...), h.SrcMAC[:]...)
	if src.Is4() {
		dst = h.appendIPv4(dst, src.As4(), to.As4(), segment)
	} else {
		dst = h.appendIPv6(dst, src.As16(), to.As16(), segment)
	}
	at := len(dst)
	dst = append(append(h.appendTCP(dst, len(o)), o...), payload...)
	binary.BigEndian.PutUint16(dst[at+tcpChecksumAt:], tcpChecksum(src, to, dst[at:]))
	return dst
}

// appendOptions appends TCP options, padded to 4 bytes.
func (h *Header) appendOptions(b []byte) []byte {
	syn := h.Flags&FlagSYN != 0
	if syn && h.MSS > 0 {
		b = append(b, tcpOptMSS, 4, byte(h.MSS>>8), byte(h.MSS))
	}
	if syn && h.WScale >= 0 {
		b = append(b, tcpOptNop, tcpOptWScale, 3, byte(h.WScale))
	}
	if h.HasTS {
		b = binary.BigEndian.AppendUint32(b, tsPrefix)
		b = binary.BigEndian.AppendUint32(b, h.TSVal)
		b = binary.BigEndian.AppendUint32(b, h.TSEcr)
	}
	return b
}

// appendIPv4 appends the EtherType and an IPv4 header without options, with
// "don't fragment" set. segment is the length of what follows.
func (h *Header) appendIPv4(b []byte, src, dst [4]byte, segment int) []byte {
	b = append(b, linktype.EtherIPv4>>8, linktype.EtherIPv4&0xff)
	at := len(b)
	b = append(b, 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, fitLen(ipv4MinLen+segment))
	b = binary.BigEndian.AppendUint16(b, h.IPID)
	b = append(b, 0x40, 0, h.ttl(), byte(ProtoTCP), 0, 0)
	b = append(append(b, src[:]...), dst[:]...)
	binary.BigEndian.PutUint16(b[at+10:], Checksum(b[at:]))
	return b
}

// appendIPv6 appends the EtherType and an IPv6 header.
func (h *Header) appendIPv6(b []byte, src, dst [16]byte, segment int) []byte {
	b = append(b, linktype.EtherIPv6>>8, linktype.EtherIPv6&0xff, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, fitLen(segment))
	b = append(b, byte(ProtoTCP), h.ttl())
	return append(append(b, src[:]...), dst[:]...)
}

// appendTCP appends a TCP header with checksum 0, to be followed by options of
// the given length.
func (h *Header) appendTCP(b []byte, opts int) []byte {
	b = binary.BigEndian.AppendUint16(b, h.Src.Port())
	b = binary.BigEndian.AppendUint16(b, h.Dst.Port())
	b = binary.BigEndian.AppendUint32(b, h.Seq)
	b = binary.BigEndian.AppendUint32(b, h.Ack)
	b = binary.BigEndian.AppendUint16(b, uint16(tcpMinLen+opts)<<10|h.Flags&0x1ff)
	b = binary.BigEndian.AppendUint16(b, h.Window)
	return append(b, 0, 0, 0, 0)
}

func (h *Header) ttl() byte {
	if h.TTL == 0 {
		return defaultTTL
	}
	return h.TTL
}

// fitLen returns n as a length field, 0 when it does not fit.
func fitLen(n int) uint16 {
	if n > 0xffff {
		return 0
	}
	return uint16(n)
}
