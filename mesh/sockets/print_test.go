package sockets

import (
	"net/netip"
	"strconv"
)

// String returns the socket as a line of ss -tnpe. What reads it gets an equal
// socket but for Line.
func (s Socket) String() string { return string(s.appendText(nil)) }

// appendText appends what String returns to b.
func (s Socket) appendText(b []byte) []byte {
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

// appendEndpoint appends an end as ss writes it.
func appendEndpoint(b []byte, a netip.AddrPort) []byte {
	if a.Addr() != netip.IPv6Unspecified() {
		return a.AppendTo(b)
	}
	return strconv.AppendUint(append(b, "*:"...), uint64(a.Port()), 10)
}

// Len returns the number of sockets.
func (t *Table) Len() int { return len(t.conns) + len(t.listeners) }
