// Package plan decides what is written of each path, and in which order; nothing is
// decided while writing.
//
// A path whose conversation is carried by one readable connection is rewritten: its real
// packets under the ends' addresses. One whose only readable leg is shared with other
// clients is rebuilt: its exchanges are cut out of the shared connections. HTTP/2 streams
// of a shared connection are written anew. What no path carries is a conversation of its
// own, so that every readable byte is written exactly once. Paths are numbered by their
// first written packet, as Wireshark numbers TCP streams.
package plan
