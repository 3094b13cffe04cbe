//go:build linux

package stage

import (
	"os"
	"path/filepath"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// sideFiles writes what a person in the pod could have asked for as well.
func (b *Bed) sideFiles() error {
	if err := b.eachPod(b.podFiles); err != nil {
		return err
	}
	if !b.Captured(b.Node.Name) {
		return nil
	}
	return b.nodeFiles(filepath.Join(b.Dir, b.scenario.Name+"-node-"))
}

// logFiles writes the logs of the pods' proxies. An Envoy has ended by then, since it
// writes to its files now and then only.
func (b *Bed) logFiles() error { return b.eachPod(b.logFile) }

// eachPod calls f for the pods that were captured, with how the names of their
// files begin.
func (b *Bed) eachPod(f func(p *mesh.Pod, prefix string) error) error {
	several := 0
	for _, p := range b.Pods {
		if b.Captured(p.Name) {
			several++
		}
	}
	for _, p := range b.Pods {
		if !b.Captured(p.Name) {
			continue
		}
		prefix := b.scenario.Name + "-"
		if several > 1 {
			prefix += p.Name + "-"
		}
		if err := f(p, filepath.Join(b.Dir, prefix)); err != nil {
			return err
		}
	}
	return nil
}

// nodeFiles writes conntrack's table and events of the node.
func (b *Bed) nodeFiles(prefix string) error {
	out, err := b.Inside(b.Node, "conntrack", "-L", "-f", "ipv4")
	if err != nil {
		return err
	}
	if err := os.WriteFile(prefix+"conntrack.txt", []byte(out), 0o644); err != nil {
		return err
	}
	return b.eventFile(b.Node, prefix)
}

func (b *Bed) podFiles(p *mesh.Pod, prefix string) error {
	family, save := "ipv4", "iptables-save"
	if b.V6 {
		family, save = "ipv6", "ip6tables-save"
	}
	for _, f := range []struct {
		suffix string
		args   []string
	}{
		{"conntrack.txt", []string{"conntrack", "-L", "-f", family}},
		{"iptables.txt", []string{save}},
		{"ss.txt", []string{"ss", "-tnp"}},
	} {
		out, err := b.Inside(p.Host, f.args...)
		if err != nil {
			return err
		}
		if err := os.WriteFile(prefix+f.suffix, []byte(out), 0o644); err != nil {
			return err
		}
	}
	return b.eventFile(p.Host, prefix)
}

func (b *Bed) logFile(p *mesh.Pod, prefix string) error {
	log, err := os.ReadFile(p.Log)
	if err != nil {
		return err
	}
	if p.Envoy == nil {
		if err := os.WriteFile(prefix+"haproxy.log", log, 0o644); err != nil {
			return err
		}
		return b.accessFiles(log, prefix)
	}
	if err := os.WriteFile(prefix+"envoy.log", log, 0o644); err != nil {
		return err
	}
	access, err := os.ReadFile(p.Envoy.Access)
	if err != nil {
		return err
	}
	return os.WriteFile(prefix+"access.log", access, 0o644)
}

// accessFiles writes what Envoy's access log would say.
func (b *Bed) accessFiles(log []byte, prefix string) error {
	if b.scenario.JSON {
		if err := mesh.WriteAccess(prefix+"access.json", log); err != nil {
			return err
		}
	}
	return mesh.WriteAccess(prefix+"access.log", log)
}

// eventFile writes conntrack's events of a host.
func (b *Bed) eventFile(h *world.Host, prefix string) error {
	events, err := os.ReadFile(b.EventsOf(h))
	if err != nil {
		return err
	}
	return os.WriteFile(prefix+"conntrack-events.txt", events, 0o644)
}
