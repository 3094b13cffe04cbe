package sockets

import (
	"cmp"
	"net/netip"
	"slices"
)

// maxProcesses is how many processes are kept of one socket: so many workers
// share a listener at most, and it bounds the search for equal ones.
const maxProcesses = 256

// A Table holds sockets by their ends. What several lists say of one socket is
// merged: /proc/net/tcp knows the owner, ss the process. The zero Table is empty.
// Reading it is safe for concurrent use. The processes of a socket it returns are
// valid until the next Add, and not owned.
type Table struct {
	conns     map[ends]Socket
	listeners map[netip.AddrPort]Socket
}

// The ends of a connection, seen from one of them.
type ends struct{ local, remote netip.AddrPort }

// Add adds a socket. Of two with the same ends, the first stays and gets what it
// lacks; listeners are merged as one, since workers may each have their own
// (SO_REUSEPORT). Sockets that neither listen nor have a remote end say nothing
// and are left out.
func (t *Table) Add(s Socket) {
	if t.conns == nil {
		t.conns, t.listeners = make(map[ends]Socket), make(map[netip.AddrPort]Socket)
	}
	switch {
	case s.State == Listen:
		old, ok := t.listeners[s.Local]
		t.listeners[s.Local] = merge(old, s, ok)
	case s.Remote.IsValid():
		key := ends{s.Local, s.Remote}
		old, ok := t.conns[key]
		t.conns[key] = merge(old, s, ok)
	}
}

// merge returns old with what s has more; s if there is no old one.
func merge(old, s Socket, ok bool) Socket {
	switch {
	case !ok:
		s.Processes = slices.Clone(s.Processes) // the caller's stay as they are
		return s
	case s.State != Listen && old.Inode != 0 && s.Inode != 0 && old.Inode != s.Inode:
		return older(old, s) // the same ports again, later
	}
	if old.UID < 0 {
		old.UID = s.UID
	}
	if old.Inode == 0 {
		old.Inode = s.Inode
	}
	if old.Mark == 0 {
		old.Mark = s.Mark
	}
	for _, p := range s.Processes {
		old.addProcess(p)
	}
	return old
}

// addProcess adds a process, or what it says more of one that is there. Names
// are compared by length only, since the tools cut them differently.
func (s *Socket) addProcess(p Process) {
	i := slices.IndexFunc(s.Processes, func(q Process) bool {
		return p.PID == q.PID && (p.FD == q.FD || p.FD < 0 || q.FD < 0)
	})
	switch {
	case i < 0 && len(s.Processes) < maxProcesses:
		s.Processes = append(s.Processes, p)
	case i >= 0:
		q := &s.Processes[i]
		q.FD = max(p.FD, q.FD)
		if len(p.Name) > len(q.Name) {
			q.Name = p.Name
		}
	}
}

// older chooses between two sockets that had the same ends one after the other:
// the first, unless only the second says whose it is.
func older(first, second Socket) Socket {
	if len(first.Processes) == 0 && len(second.Processes) > 0 {
		second.Processes = slices.Clone(second.Processes)
		return second
	}
	return first
}

// Owner returns the socket at the local end of a connection. Where iptables
// redirected it, remote is what that end knows as its peer: for the application
// the address it dialled (POD:e1, SERVICE:80), for the proxy the other way about
// (127.0.0.1:15001, POD:e1).
func (t *Table) Owner(local, remote netip.AddrPort) (Socket, bool) {
	s, ok := t.conns[ends{unmap(local), unmap(remote)}]
	return s, ok
}

// Listener returns the socket that takes connections to addr: one bound to that
// address before one bound to all of its family, before one bound to all.
func (t *Table) Listener(addr netip.AddrPort) (Socket, bool) {
	addr = unmap(addr)
	for _, a := range []netip.Addr{addr.Addr(), allOf(addr.Addr()), netip.IPv6Unspecified()} {
		if s, ok := t.listeners[netip.AddrPortFrom(a, addr.Port())]; ok {
			return s, true
		}
	}
	return Socket{}, false
}

// allOf returns the unspecified address of an address's family.
func allOf(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// Listeners returns the listeners by port, then address.
func (t *Table) Listeners() []Socket {
	list := make([]Socket, 0, len(t.listeners))
	for _, s := range t.listeners {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Socket) int {
		return cmp.Or(cmp.Compare(a.Local.Port(), b.Local.Port()), a.Local.Compare(b.Local))
	})
	return list
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
