//go:build linux

package world

import "path/filepath"

// Watch records conntrack events of a host, once.
func (w *World) Watch(h *Host) error {
	if h.watched {
		return nil
	}
	h.watched = true
	family := "ipv4"
	if w.V6 {
		family = "ipv6"
	}
	p, err := w.Start(h, w.EventsOf(h), "conntrack", "-E", "-o", "timestamp", "-p", "tcp", "-f", family, "-b", "8388608")
	if err != nil {
		return err
	}
	return w.Wait("conntrack events of "+h.Name, p, h.subscribed)
}

// EventsOf is the file of conntrack's events of a host that is watched.
func (w *World) EventsOf(h *Host) string { return filepath.Join(w.Tmp, h.Name+"-events.txt") }
