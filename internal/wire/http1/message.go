package http1

import "github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"

// A Handler is told what a Scanner finds. Calls are made inside Feed, Skip,
// Gap and Close, so that the packet being pushed is the one that completed
// what is told. A handler must not call the scanner, nor another one that
// shares its Scratch.
type Handler interface {
	// Head is called when a head is complete. The head and all its bytes are
	// valid during the call only. For a response the handler returns what
	// the request makes of its body; for a request the result is ignored.
	Head(h *Head) BodyRule
	// End is called when a message ends, once after each Head. The message is
	// valid during the call only.
	End(m *Message)
	// Tunnel is called when the stream from offset off on is not HTTP any
	// more: after 101 Switching Protocols, after CONNECT. It may come after
	// bytes of the tunnel were passed, where they could have begun a head.
	Tunnel(off int64)
}

// A Reader is a Handler that is given what messages say, too: see
// Scanner.Everything.
type Reader interface {
	Handler
	// Body is called for the bytes of a body, without chunk framing: n of them at
	// stream offset off, which are p, or are missing if p is nil. p is valid during
	// the call only.
	Body(off int64, p []byte, n int64)
	// Trailer is called before End with the fields of a trailer section that has
	// some. They are valid during the call only.
	Trailer(h *Head)
}

// A BodyRule says what the request makes of the body of its response
// (RFC 9112 §6.3).
type BodyRule uint8

// The body rules.
const (
	BodyNormal  BodyRule = iota // the response's own head tells
	BodyNone                    // the request was HEAD: no body, whatever the head says
	BodyConnect                 // the request was CONNECT: a 2xx response opens a tunnel
	// BodyGuess: the request is not known. The response has the body its head
	// tells, unless the next piece begins with the start line of a response.
	BodyGuess
)

// A Message is a request or response that ended.
type Message struct {
	Start   int64 // stream offset of the start line
	HeadEnd int64 // stream offset after the head
	End     int64 // stream offset after the message, or of the place where it was lost

	Request       bool
	Informational bool // a 1xx response but 101: the final response is still to come
	// Resync: found by its looks, after a hole or in mid-stream. How many
	// messages came before it is unknown.
	Resync bool
	// Complete: the end was seen. False if a hole or the end of the stream cut
	// the message off; holes inside the body only count in MissingBytes.
	Complete bool

	BodyLen      int64             // bytes of the body without chunk framing, missing ones included
	MissingBytes int64             // bytes of the body that were not captured
	Body         fingerprint.Print // of the body without chunk framing
}

// A Kind says what a stream carries.
type Kind uint8

// The kinds of streams.
const (
	Unknown   Kind = iota // no message found yet
	Requests              // a client's half
	Responses             // a server's half
	NotHTTP               // seen from its first byte, and that begins no message
	Tunnel                // HTTP up to a 101 or CONNECT, then something else
)

// String returns the kind's name in lower case.
func (k Kind) String() string {
	switch k {
	case Requests:
		return "requests"
	case Responses:
		return "responses"
	case NotHTTP:
		return "not http"
	case Tunnel:
		return "tunnel"
	}
	return "unknown"
}
