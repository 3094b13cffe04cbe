// Package record is what else pods left beside packets, as plain data: which
// files with records were given, what became of them, what they add to
// connections and exchanges, and where they contradict the packets.
//
// The formats themselves are read by mesh/conntrack, mesh/accesslog, mesh/rules
// and mesh/sockets.
package record
