//go:build linux

package testbed

import "path/filepath"

// watch records conntrack events of a host, once.
func (w *world) watch(h *host) error {
	if h.watched {
		return nil
	}
	h.watched = true
	family := "ipv4"
	if w.v6 {
		family = "ipv6"
	}
	p, err := w.start(h, w.eventsOf(h), "conntrack", "-E", "-o", "timestamp", "-p", "tcp", "-f", family, "-b", "8388608")
	if err != nil {
		return err
	}
	return w.wait("conntrack events of "+h.name, p, h.subscribed)
}

// eventsOf is the file of conntrack's events of a host that is watched.
func (w *world) eventsOf(h *host) string { return filepath.Join(w.tmp, h.name+"-events.txt") }
