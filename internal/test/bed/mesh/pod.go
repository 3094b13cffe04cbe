//go:build linux

package mesh

import (
	"fmt"
	"net/netip"
	"os"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// Pod is a host with Istio's rules and a sidecar.
type Pod struct {
	*world.Host
	Rules   Interception
	Proxy   Sidecar
	Process *world.Process
	Log     string // file of the proxy's log
	Lines   []LogLine
}

// Encrypts says whether the proxy speaks TLS with a server.
func (p *Pod) Encrypts(server netip.AddrPort) bool {
	return slices.ContainsFunc(p.Proxy.Routes, func(r Route) bool { return r.TLS != "" && r.Endpoint == server })
}

// Tries says whether the proxy may dial dst for the exchange of a line.
func (p *Pod) Tries(l LogLine, dst netip.AddrPort) bool {
	return l.Server() == dst || slices.ContainsFunc(p.Proxy.Routes, func(r Route) bool {
		return r.Spare.IsValid() && (r.Spare == l.Server() || r.Endpoint == l.Server()) && (r.Spare == dst || r.Endpoint == dst)
	})
}

// ReadLog loads the log of the proxy. Lines that are not JSON are its
// warnings.
func (p *Pod) ReadLog() error {
	text, err := os.ReadFile(p.Log)
	if err != nil {
		return err
	}
	p.Lines, err = parseLog(text)
	if err != nil {
		return fmt.Errorf("log of proxy %s: %w", p.Name, err)
	}
	return nil
}
