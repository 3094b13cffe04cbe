//go:build linux

package stage

import (
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// SniffPod captures eth0 and lo of a pod, with conntrack's events.
func (b *Bed) SniffPod(h *world.Host) error {
	if err := b.Sniff(h, "eth0", "eth0.pcap"); err != nil {
		return err
	}
	return b.Sniff(h, "lo", "lo.pcap")
}

// BeginHere starts the captures of a pod whose connections are quiet, and the
// records of their bytes anew.
func (b *Bed) BeginHere(h *world.Host) error {
	if err := b.Pause(100 * time.Millisecond); err != nil {
		return err
	}
	b.Rec.Forget()
	if err := b.SniffPod(h); err != nil {
		return err
	}
	return b.Pause(100 * time.Millisecond)
}

// SniffOf captures a pod when it is not the only one.
func (b *Bed) SniffOf(h *world.Host) error {
	for _, iface := range []string{"eth0", "lo"} {
		if err := b.Sniff(h, iface, h.Name+"-"+iface+".pcap"); err != nil {
			return err
		}
	}
	return nil
}
