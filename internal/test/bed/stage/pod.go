//go:build linux

package stage

import (
	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// InboundApp is the application of pod b alone.
func (b *Bed) InboundApp() error {
	srv := b.Host("b")
	return b.ServeHTTP(srv, srv.At(AppPort), nil)
}

// InboundPod makes pod b: application, sidecar, captures.
func (b *Bed) InboundPod(s mesh.Sidecar) error {
	if err := b.InboundApp(); err != nil {
		return err
	}
	return b.SidecarAt(b.Host("b"), mesh.IstioDefaults(), s)
}

// SidecarAt injects and captures.
func (b *Bed) SidecarAt(h *world.Host, rules mesh.Interception, s mesh.Sidecar) error {
	if _, err := b.Inject(h, rules, s); err != nil {
		return err
	}
	return b.SniffPod(h)
}

// Workload makes an authority and a certificate of the named workload.
func (b *Bed) Workload(name string) (*mesh.Authority, string, error) {
	a, err := b.Authority()
	if err != nil {
		return nil, "", err
	}
	cert, err := a.Issue(name)
	return a, cert, err
}

// OutboundPod makes pod a with routes to pod b (VIP 1) and the server outside
// (VIP 2), which answer without sidecars.
func (b *Bed) OutboundPod(s mesh.Sidecar) error {
	a := b.Host("a")
	for i, h := range []*world.Host{b.Host("b"), b.Host("ext")} {
		if err := b.ServeHTTP(h, h.At(AppPort), nil); err != nil {
			return err
		}
		v := VIP(byte(i+1), SvcPort)
		if err := b.Service(v, h.At(AppPort)); err != nil {
			return err
		}
		s.Routes = append(s.Routes, mesh.Route{VIP: v, Endpoint: h.At(AppPort)})
	}
	_, err := b.Inject(a, mesh.IstioDefaults(), s)
	return err
}
