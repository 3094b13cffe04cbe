package reassembly

import "github.com/pcapmesh/pcapmesh/capture"

// A Half is what is known of one half after reading: its place in sequence
// space, its life and its counters. Sequence and acknowledgement numbers are
// raw, as on the wire.
type Half struct {
	Key     capture.Key
	Partner HalfID // the half that answers it; 0 = none bound while reading

	ISN  uint32 // sequence number of the SYN; valid iff SYN
	Base uint32 // sequence number of stream offset 0
	Next uint32 // sequence number after the last byte seen (without FIN)

	FirstAck, LastAck uint32 // raw acknowledgement numbers; valid iff HasAck. Of a SYN-ACK half FirstAck is the peer's ISN+1
	TSVal, LastTSVal  uint32 // first and last RFC 7323 timestamp sent; valid iff HasTS
	TSEcr, LastTSEcr  uint32 // first and last timestamp echoed; valid iff HasTS

	First      capture.Ref // first packet
	Data       capture.Ref // first packet with payload; zero when there is none
	DataSeq    uint32      // sequence number, payload length and IP id of Data
	DataLen    uint32
	DataIPID   uint16
	FirstNanos int64
	LastNanos  int64
	EndNanos   int64 // time of the FIN or RST; 0 while open

	Packets  uint32 // duplicates not counted
	Dups     uint32 // second copies of loopback packets
	Bytes    int64  // distinct stream bytes seen, in pieces cut off by snaplen as far as captured
	Missing  int64  // bytes known to be missing
	Retrans  uint32 // segments that brought nothing new
	Conflict int64  // overlapping bytes that differed from the ones kept (the first)

	MSS    uint16 // of the SYN; 0 when unknown
	Window uint16 // first window seen, unscaled
	WScale int8   // of the SYN; -1 when unknown
	SYN    bool   // the SYN (or SYN-ACK) was captured
	SYNACK bool   // the half's SYN carried an acknowledgement: it answers
	HasAck bool
	HasTS  bool
	FIN    bool
	RST    bool
	End    End
}
