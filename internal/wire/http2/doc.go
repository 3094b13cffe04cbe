// Package http2 finds the messages of HTTP/2 (RFC 9113) in one direction of a
// connection while its bytes arrive.
//
// A [Scanner] is pushed the bytes of a stream in order, in any pieces, and
// calls a [Handler] when a header block is complete and when a message ends.
// It tells how many bytes it does not want to see: the payload of DATA frames
// is passed over unread but for the windows that [fingerprint.Sampler] needs
// and the length prefixes of gRPC. Of other frames it keeps bytes only while
// one is split over several pieces.
//
// Each stream's frames carry one message, and those of several streams
// interleave. A message therefore has a range of offsets, in which others
// stand too, and a number of bytes that its own frames take.
//
// A hole inside the payload of a DATA frame is counted and the message goes
// on. A hole that hides a frame header loses the framing: the scanner then
// looks for a chain of plausible frame headers. A hole that hides any part of a
// header block loses the state of the header compression (RFC 7541): fields
// that refer to what was in the dynamic table before are unknown from then on;
// fields given literally, by the static table or by entries added since are
// known as before.
//
// Header tables are read one direction at a time, without the settings of the
// other, which bound the table. Tables of up to 64 KiB are accepted.
//
// # Why pushed
//
// This package reads one half, as package http1 does: bytes are pushed, and events come
// out. Frame headers are read one after the other. The payload of DATA frames is
// counted, sampled and passed over; header blocks, RST_STREAM and GOAWAY are assembled
// whole, within a bound, and only then given to http2.Framer and hpack of
// golang.org/x/net. So no pipe and no goroutine is needed, and a connection costs what
// its open streams cost.
package http2
