package conn

import (
	"net/netip"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// A direction says which half of a conn is the originator's.
type direction int8

const (
	unsure   direction = iota
	asIs               // orig is the originator's half
	reversed           // reply is
)

// orient gives every conn a direction: from its SYN where there is one, else
// from what the conns with SYN, addresses, bytes and ports say.
func (b *binder) orient() {
	servers := newServers()
	var later []*Conn
	for _, c := range index.Each(b.x, b.conns) {
		d := b.bySYN(c)
		c.Inferred = d == unsure
		if d == unsure {
			d = b.byEntry(c)
		}
		if d == unsure {
			d = b.byShape(c)
		}
		if d == unsure {
			later = append(later, c)
			continue
		}
		b.turn(c, d)
		if !c.Inferred {
			servers.known[c.Server(b.x)] = true
		}
	}
	for _, c := range index.Each(b.x, later) {
		servers.meet(c.OrigTuple(b.x))
		servers.meet(b.keyTuple(c).Reverse())
	}
	for _, c := range index.Each(b.x, later) {
		d := servers.direction(b.keyTuple(c))
		if d == unsure {
			d = b.byBytes(c)
		}
		if d == unsure {
			d = byPort(b.keyTuple(c))
		}
		b.turn(c, d)
	}
}

// keyTuple returns the captured tuple of c's first half as it stands.
func (b *binder) keyTuple(c *Conn) tcpip.Tuple { return b.x.Half(c.Orig).Key.Tuple() }

// turn applies a direction. A single half may turn out to be the reply.
func (b *binder) turn(c *Conn, d direction) {
	if d == reversed {
		c.Orig, c.Reply = c.Reply, c.Orig
	}
}

func (b *binder) bySYN(c *Conn) direction {
	p := b.x.Half(c.Orig)
	if p.SYN {
		return asIsIf(!p.SYNACK)
	}
	if c.Reply != 0 {
		if q := b.x.Half(c.Reply); q.SYN {
			return asIsIf(q.SYNACK)
		}
	}
	return unsure
}

func asIsIf(ok bool) direction {
	if ok {
		return asIs
	}
	return reversed
}

// byEntry orients by what conntrack knows.
func (b *binder) byEntry(c *Conn) direction {
	if c.Entry == nil {
		return unsure
	}
	t := b.keyTuple(c)
	asks := t == c.Entry.Orig || t == c.Entry.Reply.Reverse()
	if answers := t == c.Entry.Reply || t == c.Entry.Orig.Reverse(); asks == answers {
		return unsure
	}
	return asIsIf(asks)
}

// byShape orients by 127.0.0.6 and ::6, which only ever dial, and by the shape
// of half-flows: only the client's address is the same in both.
func (b *binder) byShape(c *Conn) direction {
	p := b.x.Half(c.Orig).Key
	switch {
	case profile.IsBindSource(p.Src.Netip()):
		return asIs
	case profile.IsBindSource(p.Dst.Netip()):
		return reversed
	}
	if c.Reply != 0 {
		q := b.x.Half(c.Reply).Key
		if p.Reverse() == q {
			return unsure
		}
		switch asks, answers := p.Src == q.Dst, p.Dst == q.Src; {
		case asks == answers:
			return unsure
		default:
			return asIsIf(asks)
		}
	}
	switch {
	case !c.Loopback || p.Src.IsLoopback() == p.Dst.IsLoopback():
		return unsure
	default: // POD:e1 > 127.0.0.1:15001, or its stray answer
		return asIsIf(p.Dst.IsLoopback())
	}
}

// byBytes orients by who sends requests.
func (b *binder) byBytes(c *Conn) direction {
	for i, h := range [2]index.HalfNo{c.Orig, c.Reply} {
		switch b.x.Content(h).Proto {
		case scan.ProtoRequests, scan.ProtoH2Requests:
			return [2]direction{asIs, reversed}[i]
		case scan.ProtoResponses, scan.ProtoH2Responses:
			return [2]direction{reversed, asIs}[i]
		}
	}
	return unsure
}

// byPort takes the lower port for the server's.
func byPort(t tcpip.Tuple) direction {
	return asIsIf(t.Dst.Port() <= t.Src.Port())
}

// servers knows which endpoints are servers: those that answered a SYN, and
// those with two or more peers.
type servers struct {
	known map[netip.AddrPort]bool
	peer  map[netip.AddrPort]netip.AddrPort
}

func newServers() *servers {
	return &servers{make(map[netip.AddrPort]bool), make(map[netip.AddrPort]netip.AddrPort)}
}

// meet counts t.Src as a peer of t.Dst.
func (s *servers) meet(t tcpip.Tuple) {
	if p, ok := s.peer[t.Dst]; ok && p != t.Src {
		s.known[t.Dst] = true
	}
	s.peer[t.Dst] = t.Src
}

func (s *servers) direction(t tcpip.Tuple) direction {
	src, dst := s.known[t.Src], s.known[t.Dst]
	if src == dst {
		return unsure
	}
	return asIsIf(dst)
}
