//go:build linux

package assembly

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/socket"
)

// dialled lists what a connection that arrived at dst may have dialled: dst
// itself, or a service that the node translates to it.
func (a *assembly) dialled(dst netip.AddrPort) []netip.AddrPort {
	out := []netip.AddrPort{dst}
	for v, e := range a.in.Notes.VIPs {
		if e == dst {
			out = append(out, v)
		}
	}
	slices.SortFunc(out[1:], netip.AddrPort.Compare)
	return out
}

func (a *assembly) resolve(dst netip.AddrPort) netip.AddrPort {
	if e, ok := a.in.Notes.VIPs[dst]; ok {
		return e
	}
	return dst
}

// collect makes the wires of all recorded sockets: client ends first, then
// server ends, which pair with client ends of the same key in order of time.
func (a *assembly) collect(recs []*socket.Record) error {
	for _, r := range recs {
		if r.Multiplexed {
			if err := r.InOrder(); err != nil {
				return err
			}
		}
	}
	slices.SortStableFunc(recs, func(x, y *socket.Record) int { return x.Start.Compare(y.Start) })
	for _, r := range recs {
		if !r.Server {
			w := a.add(wireKey{r.Local, r.Remote}, r.Start)
			w.client, w.encrypted, w.refused = r, r.Encrypted, r.Refused
		}
	}
	for _, r := range recs {
		if r.Server {
			a.accepted(r)
		}
	}
	return nil
}

func (a *assembly) accepted(r *socket.Record) {
	for k, m := range a.masks { // each of them once
		if m.src == r.Remote && m.dst == r.Local {
			r.Remote = k.src
			break
		}
	}
	for _, dst := range a.dialled(r.Local) {
		key := wireKey{r.Remote, dst}
		if a.redirected(key) {
			continue
		}
		for _, w := range a.byKey[key] {
			if w.client != nil && w.server == nil && !w.refused {
				w.server = r
				return
			}
		}
	}
	w := a.add(wireKey{r.Remote, r.Local}, r.Start)
	w.server, w.encrypted = r, r.Encrypted
}

// redirected says whether a proxy's log shows that it took connections of the
// key, so that no application can have accepted them.
func (a *assembly) redirected(key wireKey) bool {
	for _, p := range a.in.Pods {
		for _, l := range p.Lines {
			if l.Client() == key.src && (l.Dialled() == key.dst || l.Dialled() == a.resolve(key.dst)) {
				return true
			}
		}
	}
	return false
}

func (a *assembly) add(key wireKey, start time.Time) *wire {
	w := &wire{key: key, start: start, taken: map[int]bool{}, told: map[int]bool{}}
	a.byKey[key] = append(a.byKey[key], w)
	a.wires = append(a.wires, w)
	return w
}

// downstream finds the wire on which a proxy took the exchange of a log line.
func (a *assembly) downstream(p *mesh.Pod, l mesh.LogLine) *wire {
	src := l.Client()
	if orig, ok := a.nat[p.Name][wireKey{src, l.Dialled()}]; ok {
		src = orig
	}
	fits := func(w *wire) bool {
		return w.server == nil && (w.down == nil || w.down == p) && room(w.client, w.asked, l)
	}
	w := a.find(src, a.dialled(l.Dialled()), fits, l)
	w.down, w.encrypted = p, w.encrypted || l.Keys != "" || l.Tunnel == "down"
	w.tunnel = w.tunnel || l.Tunnel == "down"
	if src != l.Client() {
		w.seen = l.Client()
	}
	return w
}

// upstream finds the wire on which a proxy passed it on, nil if on none.
func (a *assembly) upstream(p *mesh.Pod, l mesh.LogLine) *wire {
	src, dst := l.From(), l.Server()
	if !src.IsValid() || !dst.IsValid() {
		return nil
	}
	fits := func(w *wire) bool {
		return w.client == nil && (w.up == nil || w.up == p) && w.serves(l) >= 0
	}
	w := a.find(src, []netip.AddrPort{dst, a.resolve(dst)}, fits, l)
	w.up = p
	w.encrypted = w.encrypted || p.Encrypts(dst) || l.Tunnel == "up"
	w.tunnel = w.tunnel || l.Tunnel == "up"
	w.refused = w.server == nil && strings.HasPrefix(l.State, "SC") // HAProxy: server, connecting
	if w.key.dst != dst {                                           // the server's end shows it after the node's DNAT
		w.key.dst = dst
	}
	return w
}

func (a *assembly) find(src netip.AddrPort, dsts []netip.AddrPort, fits func(*wire) bool, l mesh.LogLine) *wire {
	for _, dst := range dsts {
		for _, w := range a.byKey[wireKey{src, dst}] {
			if fits(w) {
				return w
			}
		}
	}
	return a.add(wireKey{src, dsts[0]}, l.Accepted().Add(time.Millisecond)) // the log cuts them off
}

// room says whether the record of a client's end has more exchanges than were
// given to it yet, so that the next incarnation of a tuple is used when one
// is full.
func room(r *socket.Record, used int, l mesh.LogLine) bool {
	if r == nil {
		return true
	}
	if l.Kind == "tcp" {
		return used == 0
	}
	return used < len(r.Exchanges)
}

// serves returns which exchange of the application's record a log line tells
// of, -1 if none that is left.
func (w *wire) serves(l mesh.LogLine) int {
	if w.server == nil {
		return w.served
	}
	if l.Kind == "tcp" {
		return -min(w.served, 1)
	}
	for i, e := range w.server.Exchanges {
		if !w.taken[i] && e.Method == l.Method && e.Target == l.Target && e.RequestID == dash(l.ID) && e.Status == l.Status {
			return i
		}
	}
	return -1
}

// asks returns which exchange of the client's record a log line tells of. On
// HTTP/1 lines come in the order of the requests.
func (w *wire) asks(l mesh.LogLine) int {
	if w.client == nil || !w.client.Multiplexed {
		return w.asked
	}
	for i, e := range w.client.Exchanges {
		if !w.told[i] && e.Method == l.Method && e.Target == l.Target && e.RequestID == dash(l.ID) {
			w.told[i] = true
			return i
		}
	}
	return len(w.client.Exchanges)
}
