package tcpip

import (
	"encoding/binary"

	"github.com/pcapmesh/pcapmesh/capture"
)

const tcpMinLen = 20

// TCP option kinds (IANA) and the largest window shift (RFC 7323 §2.3).
const (
	tcpOptEnd       = 0
	tcpOptNop       = 1
	tcpOptMSS       = 2
	tcpOptWScale    = 3
	tcpOptTimestamp = 8

	maxWScale = 14
)

// tsPrefix is how Linux and most others begin the options of a segment that
// carries nothing but timestamps: NOP, NOP, kind 8, length 10 (RFC 7323
// appendix A).
const tsPrefix = 0x0101080a

// decodeTCP decodes the TCP header at the start of b into s. wire is the length
// of header and payload on the wire, ≥ len(b).
func (d *Decoder) decodeTCP(p *capture.Packet, s *Segment, b []byte, wire int) bool {
	if len(b) < tcpMinLen {
		return d.short(p, "tcp header", int(s.L4), tcpMinLen, len(b))
	}
	hl := int(b[12]>>4) * 4
	if hl < tcpMinLen || hl > wire {
		return d.malformed(p, "tcp header at offset %d: data offset %d bytes of %d", s.L4, hl, wire)
	}
	s.Ref, s.Time, s.Offset = p.Ref, p.Time, p.Offset
	s.Key.SrcPort = binary.BigEndian.Uint16(b)
	s.Key.DstPort = binary.BigEndian.Uint16(b[2:])
	s.Seq = binary.BigEndian.Uint32(b[4:])
	s.Ack = binary.BigEndian.Uint32(b[8:])
	s.Flags = binary.BigEndian.Uint16(b[12:]) & 0x1ff // the 9th is AE, once NS (RFC 9768)
	s.Window = binary.BigEndian.Uint16(b[14:])
	s.TSVal, s.TSEcr, s.HasTS, s.MSS, s.WScale = 0, 0, false, 0, -1

	end := min(hl, len(b))
	s.Wire, s.Bytes = uint32(wire-hl), b[end:]
	s.Data = s.L4 + uint32(end)
	if hl == tcpMinLen+12 && end == hl && binary.BigEndian.Uint32(b[tcpMinLen:]) == tsPrefix {
		s.TSVal, s.TSEcr, s.HasTS = binary.BigEndian.Uint32(b[24:]), binary.BigEndian.Uint32(b[28:]), true
	} else if end > tcpMinLen {
		s.decodeOptions(b[tcpMinLen:end])
	}
	return true
}

// decodeOptions takes what it knows from TCP options and stops where they are
// cut or malformed.
func (s *Segment) decodeOptions(b []byte) {
	for len(b) > 0 && b[0] != tcpOptEnd {
		if b[0] == tcpOptNop {
			b = b[1:]
			continue
		}
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			return
		}
		s.decodeOption(b[0], b[2:b[1]])
		b = b[b[1]:]
	}
}

func (s *Segment) decodeOption(kind byte, v []byte) {
	syn := s.Flags&FlagSYN != 0
	switch {
	case kind == tcpOptTimestamp && len(v) == 8:
		s.TSVal, s.TSEcr, s.HasTS = binary.BigEndian.Uint32(v), binary.BigEndian.Uint32(v[4:]), true
	case kind == tcpOptMSS && len(v) == 2 && syn:
		s.MSS = binary.BigEndian.Uint16(v)
	case kind == tcpOptWScale && len(v) == 1 && syn:
		s.WScale = int8(min(v[0], maxWScale))
	}
}
