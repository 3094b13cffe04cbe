package sockets

import (
	"net/netip"
	"strconv"
)

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

// String returns the socket as a line of ss -tnpe. What reads it gets an equal
// socket but for Line.
func (s Socket) String() string { return string(s.AppendText(nil)) }

// AppendText appends what String returns to b.
func (s Socket) AppendText(b []byte) []byte {
	b = append(b, s.State.ss()...)
	b = append(b, " 0 0 "...)
	b = appendEndpoint(b, s.Local)
	b = append(b, ' ')
	switch {
	case s.Remote.IsValid():
		b = appendEndpoint(b, s.Remote)
	case s.Local.Addr().Is4():
		b = append(b, "0.0.0.0:*"...)
	default:
		b = append(b, "*:*"...)
	}
	b = appendUsers(b, s.Processes)
	if s.UID >= 0 {
		b = strconv.AppendInt(append(b, " uid:"...), s.UID, 10)
	}
	if s.Inode != 0 {
		b = strconv.AppendUint(append(b, " ino:"...), s.Inode, 10)
	}
	if s.Mark != 0 {
		b = strconv.AppendUint(append(b, " fwmark:0x"...), uint64(s.Mark), 16)
	}
	return b
}

// appendUsers appends the processes as ss does.
func appendUsers(b []byte, list []Process) []byte {
	for i, p := range list {
		if i == 0 {
			b = append(b, " users:("...)
		} else {
			b = append(b, ',')
		}
		b = append(append(b, `("`...), p.Name...)
		b = strconv.AppendInt(append(b, `",pid=`...), int64(p.PID), 10)
		if p.FD >= 0 {
			b = strconv.AppendInt(append(b, ",fd="...), int64(p.FD), 10)
		}
		b = append(b, ')')
	}
	if len(list) > 0 {
		b = append(b, ')')
	}
	return b
}
