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
package emit
