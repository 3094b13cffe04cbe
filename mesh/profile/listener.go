package profile

import (
	"net/netip"
	"slices"
	"strings"
)

// A Listener is a listening socket of a pod, and what it is to the mesh.
type Listener struct {
	Port           // as the profile lists it; of the application's only Number, Scope and Shows
	Mesh  bool     // a part of the mesh listens; else the application
	Signs []string // what says so: "process", "uid", "port", in this order
}

// Listener returns what a socket is that listens at addr, where an unspecified
// address is all of the pod's. The names of the processes that have it open may be
// missing, and uid is -1 if it is not known.
//
// A proxy's name tells, and so does the proxy's uid. Who has neither is the
// application, whatever the port. Only if one of them is not known, ports that the
// mesh has for itself tell; numbers that applications use as well, such as 8080,
// never do.
func (p *Profile) Listener(addr netip.AddrPort, processes []string, uid int64) Listener {
	known, listed := p.listed(addr.Port())
	component := ComponentOf(processes)
	signs := signs{
		{"process", len(processes) > 0, component != ""},
		{"uid", uid >= 0 && len(p.UIDs) > 0, uid >= 0 && slices.Contains(p.UIDs, uint32(uid))},
		{"port", true, listed && p.reserved(known)},
	}
	if !signs.mesh() {
		return Listener{Port{Number: addr.Port(), Scope: scopeOf(addr.Addr()), Shows: p.showsApp(addr.Addr())}, false, signs.that(false)}
	}
	if !listed {
		known = Port{Number: addr.Port(), Purpose: "set by its configuration", Scope: scopeOf(addr.Addr()), Shows: showsProxy(addr.Addr())}
	}
	switch {
	case component != "" && !strings.Contains(known.Component, component):
		known.Component = component
	case known.Component == "" && len(processes) > 0:
		known.Component = processes[0]
	case known.Component == "":
		known.Component = "proxy"
	}
	return Listener{known, true, signs.that(true)}
}

// listed returns the listener that the profile has at a port.
func (p *Profile) listed(port uint16) (Port, bool) {
	i := slices.IndexFunc(p.Ports, func(l Port) bool { return l.Number == port })
	if i < 0 {
		return Port{}, false
	}
	return p.Ports[i], true
}

// reserved reports whether applications leave a port of the profile alone.
func (p *Profile) reserved(l Port) bool {
	return l.Control || slices.Contains(p.OutboundPorts, l.Number) || slices.Contains(p.InboundPorts, l.Number) || slices.Contains(p.TunnelPorts, l.Number)
}

// signs are the process, the uid and the port of a listener.
type signs [3]struct {
	name  string
	known bool
	mesh  bool // it speaks for a part of the mesh, else for the application
}

// mesh weighs the signs.
func (s *signs) mesh() bool {
	process, uid, port := s[0], s[1], s[2]
	return process.mesh || uid.mesh || port.mesh && !(process.known && uid.known)
}

// that returns the names of the signs that speak for a part of the mesh, or for
// the application.
func (s *signs) that(mesh bool) []string {
	var names []string
	for _, sign := range s {
		if sign.known && sign.mesh == mesh {
			names = append(names, sign.name)
		}
	}
	return names
}

// cutName is the length in bytes to which lsof cuts the names of processes; the
// kernel cuts them to 15.
const cutName = 9

// programs are those of all meshes. They are asked for each socket of
// a pod, so they are kept.
var programs = allPrograms()

func allPrograms() []program {
	var out []program
	for _, m := range meshes() {
		for _, p := range m.programs {
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out
}

// ComponentOf returns the part of a mesh that the first process is which is one,
// "" if none is. Names may be cut.
func ComponentOf(processes []string) string {
	for _, name := range processes {
		for _, p := range programs {
			if name == p.name || len(name) >= cutName && strings.HasPrefix(p.name, name) {
				return p.component
			}
		}
	}
	return ""
}

// scopeOf returns where connections to an address can be captured.
func scopeOf(a netip.Addr) Scope {
	if a.IsLoopback() {
		return ScopeLoopback
	}
	return ScopeWire
}

// showsApp says what a capture shows of an application that listens at a.
func (p *Profile) showsApp(a netip.Addr) string {
	switch own := len(p.BindSources) > 0 || p.KeepsSource; {
	case a.IsLoopback() && own: // since Istio 1.10 the proxy dials the pod's address
		return "lo only: the pod itself; the proxy dials POD"
	case a.IsLoopback():
		return "lo only: the pod itself, and the proxy if it dials 127.0.0.1"
	case p.KeepsSource:
		return "eth0: clients; lo: the proxy from the client's address, another port"
	case own:
		return "eth0: clients; lo: the proxy from " + p.sourcesTo(a)
	}
	return "eth0: clients; lo: the proxy from POD or 127.0.0.1"
}

// sourcesTo names the addresses from which the proxy dials a.
func (p *Profile) sourcesTo(a netip.Addr) string {
	var names []string
	for _, s := range p.BindSources {
		if s.Is4() == a.Is4() || a == netip.IPv6Unspecified() {
			names = append(names, s.String())
		}
	}
	return strings.Join(names, " or ")
}

// showsProxy says what a capture shows of a proxy's listener that the profile
// does not list, as a gateway has them.
func showsProxy(a netip.Addr) string {
	if a.IsLoopback() {
		return "lo only"
	}
	return "eth0: clients"
}
