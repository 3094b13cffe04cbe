//go:build linux

package testbed

import "path/filepath"

// watch records conntrack events of a host, once.
func (w *world) watch(h *host) error {
	if h.watched {
		return nil
	}
	h.watched = true
	out := filepath.Join(w.tmp, h.name+"-events.txt")
	family := "ipv4"
	if w.v6 {
		family = "ipv6"
	}
	p, err := w.start(h, out, "conntrack", "-E", "-o", "timestamp", "-p", "tcp", "-f", family, "-b", "8388608")
	if err != nil {
		return err
	}
	return w.wait("conntrack events of "+h.name, p, h.subscribed)
}
