package reassembly

import (
	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// A Half is what is known of one half after reading: its place in sequence
// space, its life and its counters. Sequence and acknowledgement numbers are
// raw, as on the wire. It has no pointers, so that a slab of halves costs the
// garbage collector nothing. What every packet touches stands in the first
// cache line or, with payload or timestamps, in the first two.
type Half struct {
	Key      tcpip.Key
	Next     uint32       // sequence number after the last byte seen (without FIN)
	LastAck  uint32       // highest raw acknowledgement number; valid iff HasAck
	LastTime capture.Time // time of the last packet
	Packets  uint32       // duplicates not counted
	slot     uint32       // of the assembler's state; 0 when there is none (any more)

	Bytes                int64  // distinct stream bytes seen, in pieces cut off by snaplen as far as captured
	LastTSVal, LastTSEcr uint32 // last RFC 7323 timestamp sent and echoed; valid iff HasTS
	SYN                  bool   // the SYN (or SYN-ACK) was captured
	SYNACK               bool   // the half's SYN carried an acknowledgement: it answers
	HasAck               bool
	HasTS                bool
	FIN                  bool
	RST                  bool
	End                  End
	WScale               int8   // of the SYN; -1 when unknown
	DataLen              uint32 // payload length of Data; 0 when there is none
	Retrans              uint32 // segments with payload that brought nothing new
	Dups                 uint32 // further copies of packets (tcpip.Segment.Dup)
	Partner              HalfID // the half that answers it or that it answers; 0 = none bound while reading
	prev                 HalfID // the incarnation of the same key before this one; 0 = none
	ISN                  uint32 // sequence number of the SYN; valid iff SYN
	Base                 uint32 // sequence number of stream offset 0
	FirstAck             uint32 // first raw acknowledgement number; valid iff HasAck. Of a SYN-ACK half it is the peer's ISN+1

	TSVal, TSEcr uint32      // first timestamp sent and echoed; valid iff HasTS
	First        capture.Ref // first packet
	Data         capture.Ref // first packet with payload; zero when there is none
	DataSeq      uint32      // its sequence number
	Before       uint32      // bytes that came late and lie before the base: not delivered
	FirstTime    capture.Time
	EndTime      capture.Time // time of the FIN or RST; 0 while open
	Missing      int64        // bytes known to be missing
	Conflict     int64        // overlapping bytes that differed from the ones kept (the first)
	DataIPID     uint16       // IP id of Data
	MSS          uint16       // of the SYN; 0 when unknown
	Window       uint16       // first window seen, unscaled
	ending       bool         // this half or its partner has sent a FIN
	finSeq       uint32       // sequence number of the FIN; valid iff FIN
}

// first fills in what the half's first packet tells; seq is the sequence
// number of its first payload byte.
func (h *Half) first(s *tcpip.Segment, seq serial) {
	*h = Half{
		Key: s.Key, Next: uint32(seq), Base: uint32(seq),
		First: s.Ref, FirstTime: s.Time, LastTime: s.Time,
		Window: s.Window, WScale: -1,
	}
}

// syn fills in what the half's SYN tells.
func (h *Half) syn(s *tcpip.Segment) {
	h.SYN, h.ISN, h.Base = true, s.Seq, s.Seq+1
	h.SYNACK = s.Flags&tcpip.FlagACK != 0
	h.MSS, h.WScale = s.MSS, s.WScale
	h.Window = s.Window
}

// count adds one packet to the half.
func (h *Half) count(s *tcpip.Segment) {
	h.Packets++
	h.LastTime = s.Time
	if s.Flags&tcpip.FlagACK != 0 && (s.Flags&tcpip.FlagRST == 0 || !h.HasAck) {
		h.countAck(s.Ack)
	}
	if s.HasTS {
		h.countTS(s)
	}
	if s.Wire != 0 && h.DataLen == 0 {
		h.Data, h.DataSeq, h.DataLen, h.DataIPID = s.Ref, s.Seq, s.Wire, s.IPID
	}
}

func (h *Half) countAck(ack uint32) {
	switch {
	case !h.HasAck:
		h.HasAck, h.FirstAck, h.LastAck = true, ack, ack
	case serial(h.LastAck).Less(serial(ack)):
		h.LastAck = ack
	}
}

func (h *Half) countTS(s *tcpip.Segment) {
	if !h.HasTS {
		h.HasTS, h.TSVal, h.TSEcr = true, s.TSVal, s.TSEcr
	}
	h.LastTSVal, h.LastTSEcr = s.TSVal, s.TSEcr
}

// saw raises Next to the end of a payload.
func (h *Half) saw(end serial) {
	if serial(h.Next).Less(end) {
		h.Next = uint32(end)
	}
}

// asked reports whether an answer to the half's SYN may acknowledge ack: the SYN,
// or the data on it too (RFC 7413 §3).
func (h *Half) asked(ack uint32) bool { return ack == h.ISN+1 || ack == h.tfoEnd() }

// tfoEnd returns the sequence number after the data on the half's SYN.
func (h *Half) tfoEnd() uint32 {
	if h.DataLen != 0 && h.DataSeq == h.ISN {
		return h.ISN + 1 + h.DataLen
	}
	return h.ISN + 1
}
