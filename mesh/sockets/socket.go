package sockets

import "net/netip"

// A Socket is one TCP socket of the pod. It owns all of its memory. The zero
// Socket is not valid.
type Socket struct {
	Line      int // 1-based, where it was read; 0 if it was not
	State     State
	Local     netip.AddrPort // the address is unspecified if the socket takes all; never IPv4 inside IPv6
	Remote    netip.AddrPort // zero for a listener
	Processes []Process      // that have it open, as listed; none: unknown, or nobody has
	UID       int64          // of its owner; -1 if unknown
	Inode     uint64         // of the socket; 0 if unknown or none
	Mark      uint32         // SO_MARK, "fwmark" in ss; 0 if none or unknown
}

// A Process has a socket open.
type Process struct {
	Name string // as the tool shows it: 15 bytes at most in ss, 9 in lsof; '?' for '"' and what is not printable
	PID  int    // in the namespace that the tool ran in
	FD   int    // -1 if unknown
}
