// Package plan decides what is written of each path, and in which order; nothing is
// decided while writing.
//
// A path whose conversation is carried by one readable connection is rewritten: its real
// packets under the ends' addresses. One whose only readable leg is shared with other
// clients is rebuilt: its exchanges are cut out of the shared connections. HTTP/2 streams
// of a shared connection are written anew. What no path carries is a conversation of its
// own, so that every readable byte is written exactly once. Paths are numbered by their
// first written packet, as Wireshark numbers TCP streams.
//
// # Rewritten or rebuilt
//
// A path whose only readable leg is shared with other clients is *rebuilt*: its
// exchanges are cut out of the shared connections and packetised anew inside the
// client's own handshake and close. Options that speak of real packets (timestamps,
// SACK) are left out of the whole stream; times are those of the packets that carried
// the bytes, raised where order demands it; what is left out is named in a comment.
//
// Exchanges are written each before the next. Where they overlapped, as those of a client
// that speaks HTTP/2 inside of TLS may, HTTP/1.1 cannot say whose an answer is: they are
// re-encoded as HTTP/2.
//
// A hole in the bytes becomes a hole in sequence numbers of exactly its length. What the
// snapshot length cut off stays cut off inside its packet.
package plan
