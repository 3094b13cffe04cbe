package role

import (
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// Recognise returns the profile of the mesh that connections show.
func Recognise(legs []*graph.Leg) *profile.Profile {
	s := profile.Signs{Listeners: make(map[uint16]bool), Dialled: make(map[uint16]bool)}
	for _, l := range legs {
		see(&s, l)
	}
	return profile.Recognise(s)
}

// see notes what a connection shows of a mesh.
func see(s *profile.Signs, l *graph.Leg) {
	c, src, dst := l.Conn, l.Orig.Src.Addr(), l.Orig.Dst.Addr()
	switch {
	case !c.Loopback:
		s.Dialled[l.Orig.Dst.Port()] = true
	case c.HalfFlow && l.Reply.Src.Addr().IsLoopback():
		s.Listeners[l.Reply.Src.Port()] = true
	case profile.IsBindSource(src):
		s.Bound = true
	case src.IsLoopback() && dst.IsLoopback():
		s.Loop = true
	case !src.IsLoopback() && !dst.IsLoopback() && src != dst:
		s.Spoofed = true
	}
}
