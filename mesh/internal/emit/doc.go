// Package emit writes what was planned, and reads inputs again for it.
//
// A conversation is rewritten (real packets, other addresses and ports, checksums
// corrected by the difference as in RFC 1624, so that a wrong one stays wrong), or rebuilt
// (bytes packetised anew inside the client's own handshake and close; times are those of
// the packets that carried the bytes, raised where order demands it), or written anew as
// HTTP/2 with a preface, settings, header tables and stream numbers of its own. A hole in
// the bytes becomes a hole in sequence numbers of exactly its length. Lookups are written
// without their redirect.
//
// A packet's half number tells at once where it goes; nothing is decoded or looked up
// twice. Everything written is Ethernet with one snapshot length: libpcap refuses a
// pcapng file with interfaces that differ in either. Output appears under its name only
// when it is complete.
//
// # HTTP/2
//
// Frames of one path cannot be cut out of a shared connection as bytes. When that is the
// leg to write, its exchanges are read again frame by frame and written as a connection
// that is valid by itself: preface, settings, header tables, stream numbers in the order
// of requests (h2gather.go, h2write.go). What a packet carried stays one packet; a hole
// in a body stays a hole of its length. A client's own HTTP/2 connection is rewritten
// like any other.
//
// A client whose HTTP/2 cannot be read, or is not wanted, in front of HTTP/1.1 gets its
// exchanges as HTTP/1.1, each before the next, where they did not overlap, and is marked
// h2→1.1. HTTP/1.1 has no numbers: where they overlapped, or one before the last lacks
// its answer, a reader would take one answer for another. They are read again message by
// message then (h1read.go), re-encoded as HTTP/2 of their own, and marked 1.1→h2. Content
// keeps its packets, times and holes; chunk framing, reason phrases and the fields of a
// connection have no place in HTTP/2. What follows an upgrade becomes content of an
// extended CONNECT (RFC 8441).
//
// Not read: HTTP/2 after an HTTP/1.1 Upgrade, which browsers and proxies do not use, and
// tunnels of extended CONNECT.
package emit
