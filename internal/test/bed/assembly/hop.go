//go:build linux

package assembly

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/socket"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// follow turns the log lines of a proxy into hops.
func (a *assembly) follow(p *mesh.Pod) error {
	for _, l := range p.Lines {
		if l.Exact != nil {
			h, err := a.exactly(p, l)
			if err != nil {
				return fmt.Errorf("log of proxy %s: %w: %w", p.Name, world.ErrAgain, err)
			}
			a.hops = append(a.hops, h...)
			continue
		}
		d := a.downstream(p, l)
		h := &hop{from: d, fromX: d.asks(l), toX: -1, line: l, pod: p}
		d.asked++
		if err := d.agrees(h.fromX, l); err != nil {
			return fmt.Errorf("log of proxy %s: %w: %w", p.Name, world.ErrAgain, err)
		}
		if u := a.upstream(p, l); u != nil {
			h.to, h.toX = u, -1
			if !u.refused {
				h.toX = u.serves(l)
				u.taken[h.toX] = true
				u.served++
			}
			if u.server != nil && l.Kind != "tcp" {
				h.at = u.server.Exchanges[h.toX].At
			}
		}
		if l.Kind == "tcp" {
			a.hops = append(a.hops, h.carried()...)
			continue
		}
		a.hops = append(a.hops, h)
	}
	return nil
}

// carried is the hops of a connection that was carried on as bytes: one of the
// whole, or where HTTP was on both sides, one of each exchange.
func (h *hop) carried() []*hop {
	h.fromX, h.toX = -1, -1
	switch {
	case h.line.Tunnel == "down":
		h.fromX = h.line.Stream
		if h.to != nil {
			h.to.takeAll()
		}
	case h.line.Tunnel == "up":
		h.toX = h.line.Stream
	case h.to != nil && h.from.client != nil && h.to.server != nil && len(h.from.client.Exchanges) > 0 &&
		len(h.from.client.Exchanges) == len(h.to.server.Exchanges):
		return h.each()
	}
	return []*hop{h}
}

// each is a hop for each exchange of two connections with the same bytes.
func (h *hop) each() []*hop {
	var hops []*hop
	for i, e := range h.to.server.Exchanges {
		x := *h
		x.fromX, x.toX, x.at = i, i, e.At
		x.line.Method, x.line.Target, x.line.Status, x.line.ID = e.Method, e.Target, e.Status, e.RequestID
		hops = append(hops, &x)
	}
	h.to.takeAll()
	h.from.asked, h.to.served = len(hops), len(hops)
	return hops
}

// takeAll notes that the exchanges of the application are accounted for.
func (w *wire) takeAll() {
	if w.server != nil {
		for i := range w.server.Exchanges {
			w.taken[i] = true
		}
	}
}

// agrees holds a log line against what the client did.
func (w *wire) agrees(x int, l mesh.LogLine) error {
	if w.client == nil || l.Kind == "tcp" {
		return nil
	}
	if x >= len(w.client.Exchanges) {
		return fmt.Errorf("%s %s: the client knows only %d exchanges", l.Method, l.Target, len(w.client.Exchanges))
	}
	e := w.client.Exchanges[x]
	if e.Method != l.Method || e.Target != l.Target || e.Status != l.Status {
		return fmt.Errorf("%s %s %d: the client did %s %s %d", l.Method, l.Target, l.Status, e.Method, e.Target, e.Status)
	}
	return nil
}

// failed adds the attempts that a proxy made before the one it logged: what
// an application served and no line tells of, found by its request id. A
// connection that a proxy dialled and never used has none.
func (a *assembly) failed() error {
	for _, w := range a.wires {
		if w.server == nil || w.client != nil || w.up == nil && !w.fromProxy(a.in) {
			continue
		}
		if w.up == nil { // until an exchange says otherwise
			w.up = a.podOf(w.server.Host)
		}
		if a.in.Notes.Asides[w.key.dst] {
			w.up, w.served = a.podAt(w.key.src.Addr()), len(w.server.Exchanges)
			continue
		}
		for i, e := range w.server.Exchanges {
			if w.taken[i] {
				continue
			}
			h := a.logged(e)
			if h == nil {
				return fmt.Errorf("%w: no log line for %s %s", world.ErrAgain, e.Method, e.Target)
			}
			again := *h
			again.to, again.toX, again.at, again.line.Status = w, i, e.At, e.Status
			w.up, w.taken[i] = h.pod, true
			w.served++
			a.hops = append(a.hops, &again)
		}
	}
	return nil
}

// podOf is the pod of a host, nil if it has no sidecar.
func (a *assembly) podOf(h *world.Host) *mesh.Pod {
	for _, p := range a.in.Pods {
		if p.Host == h {
			return p
		}
	}
	return nil
}

// podAt is the pod of an address, nil if there is none.
func (a *assembly) podAt(ip netip.Addr) *mesh.Pod {
	for _, p := range a.in.Pods {
		if p.IP == ip {
			return p
		}
	}
	return nil
}

func (w *wire) fromProxy(e *Evidence) bool {
	lent := func(p *mesh.Pod) bool {
		return p.Host == w.server.Host && p.Rules.Mode != mesh.ModeRedirect && w.client == nil && w.down == nil
	}
	return slices.ContainsFunc(e.Pods, lent) || slices.ContainsFunc(e.Pods, func(p *mesh.Pod) bool { return w.key.src.Addr() == p.IP }) ||
		w.key.src.Addr().IsLoopback() || w.key.src.Addr() == mesh.PassV6
}

func (a *assembly) logged(e socket.Exchange) *hop {
	for _, h := range a.hops {
		if e.RequestID != "" && dash(h.line.ID) == e.RequestID && h.line.Target == e.Target {
			return h
		}
	}
	return nil
}

// count numbers the attempts of each exchange by time.
func (a *assembly) count() {
	type exchange struct {
		from *wire
		x    int
	}
	groups := map[exchange][]*hop{}
	for _, h := range a.hops {
		if h.attempt = 1; h.line.Exact != nil {
			h.attempt = h.line.Exact.Attempt
		} else if h.fromX >= 0 {
			groups[exchange{h.from, h.fromX}] = append(groups[exchange{h.from, h.fromX}], h)
		}
	}
	for _, g := range groups {
		slices.SortFunc(g, func(x, y *hop) int {
			if x.vain != y.vain {
				return map[bool]int{true: -1, false: 1}[x.vain]
			}
			return x.at.Compare(y.at)
		})
		for i, h := range g {
			h.attempt = i + 1
		}
	}
	slices.SortStableFunc(a.hops, func(x, y *hop) int { return int(x.line.T - y.line.T) })
}
