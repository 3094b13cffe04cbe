package http2

import "github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"

// A Handler is told what a Scanner finds. Calls are made inside Feed, Skip,
// Gap and Close, so that the packet being pushed is the one that completed
// what is told. A handler must not call the scanner, nor another one that
// shares its Scratch. What it is given is valid during the call only.
type Handler interface {
	// Headers is called when a header block is complete: the head of a
	// message, an informational head before it, or the trailers after it. It is
	// also called when a message turns out to have lost its head. What it
	// returns for a head, seen or not, is the Tag of all that is told of the
	// message afterwards.
	Headers(h *Headers) (tag uint32)
	// Data is called for payload of DATA frames, in any pieces.
	Data(d *Data)
	// End is called when a message ends, once for each stream of which a frame
	// with a head, a body or trailers was seen.
	End(m *Message)
	// GoAway is called for a GOAWAY frame (RFC 9113 §6.8).
	GoAway(last, code uint32)
}

// Headers is a header block.
type Headers struct {
	Off    int64  // stream offset of its first frame
	EndOff int64  // stream offset after its last frame
	Stream uint32 // of a promised request (RFC 9113 §8.4) the promised one

	Request       bool // has request pseudo-header fields, or stands in a client's half
	Trailers      bool // ends a message
	Informational bool // a 1xx response: the final one is still to come (RFC 9110 §15.2)
	Headless      bool // no header block: a message begins whose head was not seen
	Promise       bool // the request of a PUSH_PROMISE, to which no End will come
	EndStream     bool // no body and no trailers follow
	Resync        bool // the framing was lost before: other messages may have been missed

	// Fields are those known, in the order sent; pseudo-header fields come
	// first and begin with a colon. Of some only the value is known: their
	// names are empty.
	Fields []Field
	// Unknown tells that fields, or names, are missing: they refer to a header table that
	// was lost, the block was not captured whole, or it is no header block.
	Unknown bool
}

// A Field is a header field (RFC 9113 §8.2). Names are as sent, which is in
// lower case.
type Field struct{ Name, Value string }

// Field returns the value of the first field of that name; ok reports whether
// there is one.
func (h *Headers) Field(name string) (value string, ok bool) {
	for i := range h.Fields {
		if h.Fields[i].Name == name {
			return h.Fields[i].Value, true
		}
	}
	return "", false
}

// Data is a piece of the payload of a DATA frame, without padding.
type Data struct {
	Stream  uint32
	Tag     uint32 // of the message
	Off     int64  // stream offset
	Len     int64  // bytes
	Bytes   []byte // the payload; nil when it was passed over
	Missing bool   // not captured
}

// A Message is a request or response that ended.
type Message struct {
	Stream uint32
	Tag    uint32 // what Headers returned for its head

	Start   int64 // stream offset of the first frame of its head; of its first frame if the head was not seen
	HeadEnd int64 // stream offset after its head
	End     int64 // stream offset after its last frame; frames of other streams may stand between
	Wire    int64 // bytes of its own frames between, frame headers included, and of informational heads

	Request  bool
	Headless bool // its head was not seen
	Ended    bool // END_STREAM was seen
	// Complete: Ended, and no frame can be missing. Holes inside the
	// payload of a DATA frame only count in MissingBytes.
	Complete bool
	Reset    bool   // ended by RST_STREAM, with Code
	Code     uint32 // an error code (RFC 9113 §7)

	BodyLen      int64             // bytes of the body, missing ones included
	MissingBytes int64             // bytes of the body that were not captured
	Body         fingerprint.Print // of the body

	GRPC GRPC
}

// GRPC is what a message says as gRPC over HTTP/2. The zero value is that of a
// message that is none.
type GRPC struct {
	Found    bool     // content-type is application/grpc
	Messages int      // length-prefixed messages seen, from the first one on
	Lengths  []uint32 // of the first of them, at most 64, in bytes without prefix
	Lost     bool     // bytes were missing where a prefix may have stood: there may be more messages
	Status   int      // grpc-status of a response; -1 when none was seen
}

// A Kind says what a stream carries.
type Kind uint8

// The kinds of streams.
const (
	Unknown   Kind = iota // nothing found yet that tells
	Requests              // a client's half
	Responses             // a server's half
	NotHTTP2              // seen from its first byte, and that begins no HTTP/2
)

// String returns the kind's name in lower case.
func (k Kind) String() string {
	switch k {
	case Requests:
		return "requests"
	case Responses:
		return "responses"
	case NotHTTP2:
		return "not http/2"
	}
	return "unknown"
}
