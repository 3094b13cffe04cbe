//go:build linux

package mesh

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// Mesh is what makes hosts of a world pods: the pods so far, and the TLS
// secrets of all who speak mTLS with them.
type Mesh struct {
	*world.World
	Pods []*Pod
	Keys KeyLog
}

// WriteKeys writes the key log of the scenario, if it has TLS, and returns the
// file's name.
func (m *Mesh) WriteKeys() (string, error) {
	lines := m.Keys.lines()
	for _, p := range m.Pods {
		for _, l := range p.Lines {
			words := strings.Fields(strings.ToLower(l.Keys))
			if len(words) == 2 {
				lines = append(lines, "CLIENT_RANDOM "+words[0]+" "+words[1])
			}
			if len(words) != 1+len(keyLabels) {
				continue
			}
			for i, label := range keyLabels {
				lines = append(lines, label+" "+words[0]+" "+words[i+1])
			}
		}
	}
	slices.Sort(lines)
	lines = slices.DeleteFunc(slices.Compact(lines), func(l string) bool { return l == "" })
	if len(lines) == 0 {
		return "", nil
	}
	name := m.Name + "-keys.txt"
	return name, os.WriteFile(filepath.Join(m.Dir, name), []byte(strings.Join(lines, "\n")+"\n"), 0o644)
}

// Inject makes h a pod: rules, proxy, and waits until it listens.
func (m *Mesh) Inject(h *world.Host, rules Interception, s Sidecar) (*Pod, error) {
	p := &Pod{Host: h, Rules: rules, Log: filepath.Join(m.Tmp, h.Name+"-haproxy.log")}
	if rules.Mode == ModeTProxy {
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
		if err := shim(m.World, h, &s); err != nil {
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
	if rules.Mode == ModeTProxy { // its listener answers as whoever was dialled
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
	if err := routeMarked(m.World, h, rules.Mode); err != nil {
		return err
	}
	if err := m.Feed(h, rules.rules(false), "iptables-restore"); err != nil || !m.V6 {
		return err
	}
	return m.Feed(h, rules.rules(true), "ip6tables-restore")
}

// Authority makes a certificate authority for the mesh.
func (m *Mesh) Authority() (*Authority, error) { return newAuthority(m.Tmp, &m.Keys) }
