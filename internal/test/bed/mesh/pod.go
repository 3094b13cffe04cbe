//go:build linux

package mesh

import (
	"fmt"
	"net/netip"
	"os"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/envoy"
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
	Envoy   *envoy.Config // of a real Envoy, which then is the proxy; else nil
	// Accepted are the connections of clients that Envoy accepted and that ended.
	Accepted []LogLine
}

// Encrypts says whether the proxy speaks TLS with a server.
func (p *Pod) Encrypts(server netip.AddrPort) bool {
	if p.Envoy != nil {
		return slices.ContainsFunc(p.Envoy.Services, func(s envoy.Service) bool { return s.TLS && slices.Contains(s.Endpoints, server) })
	}
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
	if p.Envoy != nil {
		err = p.readEnvoy(text)
	} else {
		p.Lines, err = parseLog(text)
	}
	if err != nil {
		return fmt.Errorf("log of proxy %s: %w", p.Name, err)
	}
	return nil
}
