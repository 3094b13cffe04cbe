// Package http1 finds the messages of HTTP/1.0 and HTTP/1.1 (RFC 9110, RFC
// 9112) in one direction of a connection while its bytes arrive.
//
// A [Scanner] is pushed the bytes of a stream in order, in any pieces, and
// calls a [Handler] when a head is complete and when a message ends. It tells
// how many bytes it does not want to see, so that bodies are passed over
// unread but for the windows that [fingerprint.Sampler] needs. It keeps bytes
// only while a head is split over several pieces.
//
// A hole in a body of known length is counted and the message goes on. A hole
// anywhere else loses the message; the scanner then looks for a start line at
// the beginnings of pieces, which should be those of TCP segments, and marks
// the message it finds there.
//
// Heads are accepted as net/http accepts them, and further where captures need
// it: empty lines before a start line, control characters in field values,
// chunk lines that end in a bare LF.
package http1
