package tcpip

import "github.com/pcapmesh/pcapmesh/capture"

// TCP control bits as they stand in Segment.Flags (RFC 9293 §3.1).
const (
	FlagFIN = 1 << iota
	FlagSYN
	FlagRST
	FlagPSH
	FlagACK
	FlagURG
)

// A Segment is one TCP packet, decoded. The Decoder fills and reuses it: Bytes
// and Parts are valid until the next call to Decode.
type Segment struct {
	Ref    capture.Ref
	Time   capture.Time
	Offset int64 // of the packet record in the uncompressed file
	Key    Key   // packed directed tuple, with the capture point

	Seq, Ack     uint32 // raw sequence numbers; Ack is valid iff Flags has FlagACK
	TSVal, TSEcr uint32 // RFC 7323 timestamps; valid iff HasTS
	Flags        uint16 // TCP control bits
	Window       uint16 // unscaled
	IPID         uint16 // IPv4 identification; 0 for IPv6
	MSS          uint16 // maximum segment size option of a SYN; 0 when absent
	WScale       int8   // window scale option of a SYN; -1 when absent
	HasTS        bool   // the segment has the timestamps option
	Dup          bool   // further copy: of a loopback packet, as sniffers other than libpcap record it, of one that another input has, or that passes several interfaces

	L3, L4, Data uint32        // offsets of the IP header, TCP header and payload in Packet.Data
	Wire         uint32        // payload bytes on the wire, ≥ len(Bytes)
	Bytes        []byte        // captured payload; not owned
	Parts        []capture.Ref // earlier fragments that this segment was put together from; not owned
}

// Point returns the capture point of the segment.
func (s *Segment) Point() Point { return s.Key.Point }

// Tuple returns the public form of the segment's directed tuple.
func (s *Segment) Tuple() Tuple { return s.Key.Tuple() }
