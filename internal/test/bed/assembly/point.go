//go:build linux

package assembly

import (
	"net/netip"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// points lists where a wire could be seen, as "pod/interface".
func (a *assembly) points(w *wire) []string {
	var out []string
	for _, h := range a.in.Hosts {
		if !a.in.Captured(h.Name) {
			continue
		}
		if iface := w.visible(h, a.resolve(w.key.dst)); iface != "" && a.in.Sniffed(h.Name, iface) {
			out = append(out, h.Name+"/"+iface)
		}
	}
	if _, ok := a.masks[a.dialledAs(w)]; ok {
		out = append(out, a.behind())
	}
	return out
}

// behind is the point behind the node's NAT.
func (a *assembly) behind() string { return a.in.Node.Name + "/" + a.in.Notes.Masquerade }

// dialledAs is the key of a wire as the node saw it come.
func (a *assembly) dialledAs(w *wire) wireKey {
	for _, dst := range a.dialled(w.key.dst) {
		if k := (wireKey{w.key.src, dst}); a.masks[k] != (translation{}) {
			return k
		}
	}
	return w.key
}

// visible is the interface of h that the wire crosses, or "".
func (w *wire) visible(h *world.Host, endpoint netip.AddrPort) string {
	if p := w.within(); p != nil {
		if p.Host == h {
			return "lo"
		}
		return ""
	}
	src, dst := h.Owns(w.key.src.Addr()), h.Owns(w.key.dst.Addr())
	if w.down == nil && !src {
		dst = dst || h.Owns(endpoint.Addr())
	}
	local := w.key.src.Addr().IsLoopback() || w.key.src.Addr() == mesh.PassV6
	inside := w.key.dst.Addr().IsLoopback() &&
		(w.client != nil && w.client.Host == h || w.server != nil && w.server.Host == h)
	switch {
	case src && dst, local && dst, inside:
		return "lo"
	case local:
		return ""
	case src && w.down != nil && w.down.Host == h, // redirected to the proxy in the same pod
		src && w.client != nil && w.client.Taken.IsValid(): // or to its agent
		return "lo"
	case src || dst || w.down != nil && w.down.Host == h:
		return "eth0"
	}
	return ""
}

// within is the pod that the wire does not leave, though its addresses may be
// others': redirected to the proxy, or dialled by it from its client's address.
func (w *wire) within() *mesh.Pod {
	switch {
	case w.down != nil && w.down.Owns(w.key.src.Addr()):
		return w.down
	case w.borrowed():
		return w.up
	}
	return nil
}

// borrowed says whether a proxy dialled from its client's address.
func (w *wire) borrowed() bool {
	src := w.key.src.Addr()
	return w.up != nil && !w.up.Owns(src) && !src.IsLoopback() && src != mesh.PassV6
}
