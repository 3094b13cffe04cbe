package mesh

import (
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// recognise returns the profile of the mesh that connections show: by the port
// to which what the application dials is redirected, by what else is dialled,
// and by how the proxy dials the application. Meshes that look alike, and no
// mesh at all, are taken for Istio.
func recognise(legs []*graph.Leg) *profile.Profile {
	var s signsOfMesh
	for _, l := range legs {
		s.see(l)
	}
	name := "istio"
	switch {
	case s.listeners[4140] || s.dialled[4143] && !s.bound && !s.listeners[15001]:
		name = "linkerd"
	case s.dialled[20000] && s.loop && !s.bound:
		name = "consul"
	case !s.listeners[15001] || s.bound:
	case s.spoofed && (s.dialled[15008] || !s.loop):
		name = "istio-ambient"
	case s.dialled[15901] || s.dialled[15902] || s.dialled[15903]:
		name = "osm"
	}
	return profile.Named(name)
}

// signsOfMesh is what connections show of a mesh.
type signsOfMesh struct {
	listeners map[uint16]bool // ports of 127.0.0.1 that answered what was redirected
	dialled   map[uint16]bool // ports dialled elsewhere than on loopback
	bound     bool            // 127.0.0.6 dialled something
	spoofed   bool            // a stranger's address dialled something on loopback
	loop      bool            // 127.0.0.1 dialled 127.0.0.1
}

func (s *signsOfMesh) see(l *graph.Leg) {
	if s.listeners == nil {
		s.listeners, s.dialled = make(map[uint16]bool), make(map[uint16]bool)
	}
	c, src, dst := l.Conn, l.Orig.Src.Addr(), l.Orig.Dst.Addr()
	switch {
	case !c.Loopback:
		s.dialled[l.Orig.Dst.Port()] = true
	case c.HalfFlow && l.Reply.Src.Addr().IsLoopback():
		s.listeners[l.Reply.Src.Port()] = true
	case profile.IsBindSource(src):
		s.bound = true
	case src.IsLoopback() && dst.IsLoopback():
		s.loop = true
	case !src.IsLoopback() && !dst.IsLoopback() && src != dst:
		s.spoofed = true
	}
}
