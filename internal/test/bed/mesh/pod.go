//go:build linux

package mesh

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"

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

// Inject makes h a pod: rules, proxy, and waits until it listens.
func (m *Mesh) Inject(h *world.Host, rules Interception, s Sidecar) (*Pod, error) {
	p := &Pod{Host: h, Rules: rules, Log: filepath.Join(m.Tmp, h.Name+"-haproxy.log")}
	if rules.Mode == modeTProxy {
		s.AddrIn = fmt.Sprintf(":%d transparent", rules.In)
	}
	s.Name, s.UID, s.In, s.Out = h.Name, rules.UID, rules.In, rules.Out
	s.fill()
	m.Pods = append(m.Pods, p)
	if s.Gateway { // port 80, as the user that is not root
		if err := h.Sysctl("net/ipv4/ip_unprivileged_port_start", "0"); err != nil {
			return nil, err
		}
	} else {
		if err := m.redirect(h, rules); err != nil {
			return nil, err
		}
	}
	if m.V6 {
		if err := m.shim(h, &s); err != nil {
			return nil, err
		}
	}
	p.Proxy = s
	var conf bytes.Buffer
	if err := sidecarConfig.Execute(&conf, s); err != nil {
		return nil, fmt.Errorf("configuration of proxy %s: %w", h.Name, err)
	}
	name := filepath.Join(m.Tmp, h.Name+".cfg")
	if err := os.WriteFile(name, conf.Bytes(), 0o644); err != nil {
		return nil, err
	}
	id := strconv.Itoa(rules.UID)
	args := []string{"setpriv", "--reuid", id, "--regid", id, "--clear-groups", "--pdeathsig", "KILL"}
	if rules.Mode == modeTProxy { // its listener answers as whoever was dialled
		args = append(args, "--inh-caps", "+net_admin", "--ambient-caps", "+net_admin")
	}
	var err error
	p.Process, err = m.Start(h, p.Log, append(args, "haproxy", "-db", "-f", name)...)
	if err != nil {
		return nil, err
	}
	return p, m.Wait("proxy of "+h.Name, p.Process, func() bool { return s.ready(h) })
}

// redirect loads the rules of a pod.
func (m *Mesh) redirect(h *world.Host, rules Interception) error {
	if err := m.routeMarked(h, rules.Mode); err != nil {
		return err
	}
	if err := m.Feed(h, rules.rules(false), "iptables-restore"); err != nil || !m.V6 {
		return err
	}
	return m.Feed(h, rules.rules(true), "ip6tables-restore")
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
