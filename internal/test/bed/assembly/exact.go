//go:build linux

package assembly

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/socket"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// exactly turns a line of Envoy's log, which names both connections and the
// exchange on either, into hops.
func (a *assembly) exactly(p *mesh.Pod, l mesh.LogLine) ([]*hop, error) {
	d := a.taken(p, l)
	h := &hop{from: d, fromX: l.Exact.Asked, toX: -1, line: l, pod: p, copy: l.Exact.Copy}
	if d.client != nil && d.client.Multiplexed && l.Kind != "tcp" {
		if h.fromX = d.askedAs(l); h.fromX < 0 {
			return nil, fmt.Errorf("%s %s: not among what the client asked", l.Method, l.Target)
		}
	}
	d.asked = max(d.asked, h.fromX+1)
	if l.Method == "" && d.client != nil && h.fromX < len(d.client.Exchanges) { // a request that Envoy did not read
		e := d.client.Exchanges[h.fromX]
		l.Method, l.Target, h.line.Method, h.line.Target = e.Method, e.Target, e.Method, e.Target
	}
	if l.Exact.Last {
		if err := d.agrees(h.fromX, l); err != nil {
			return nil, err
		}
	}
	if u := a.passedOn(p, l); u != nil {
		h.to, h.toX = u, l.Exact.Served
		if u.server != nil && l.Kind != "tcp" {
			if err := h.answered(u); err != nil {
				return nil, err
			}
		}
		u.taken[h.toX] = true
		u.served++
	}
	if l.Kind == "tcp" {
		if h.to != nil {
			h.to.takeAll()
		}
		return h.carried(), nil
	}
	return []*hop{h}, nil
}

// askedAs finds the exchange of an HTTP/2 client that a line tells of.
func (w *wire) askedAs(l mesh.LogLine) int {
	for i, e := range w.client.Exchanges {
		if e.Method == l.Method && e.Target == l.Target && (e.RequestID == "" || e.RequestID == dash(l.ID)) {
			return i
		}
	}
	return -1
}

// answered holds the exchange against what the application knows of it.
func (h *hop) answered(u *wire) error {
	if u.server.Multiplexed {
		if h.toX = u.serves(h.line); h.toX < 0 {
			return fmt.Errorf("%s %s: not among what the application served", h.line.Method, h.line.Target)
		}
	}
	n := len(u.server.Exchanges)
	if h.toX == n && h.line.State != "" {
		u.unread = true
		return nil
	}
	if h.toX >= n {
		return fmt.Errorf("%s %s: the application served only %d exchanges", h.line.Method, h.line.Target, n)
	}
	e := u.server.Exchanges[h.toX]
	if e.Method != h.line.Method || e.Target != h.line.Target || e.RequestID != dash(h.line.ID) {
		return fmt.Errorf("%s %s %s: the application served %s %s %s", h.line.Method, h.line.Target, h.line.ID, e.Method, e.Target, e.RequestID)
	}
	h.at = e.At
	return nil
}

// taken finds the wire that Envoy accepted as the connection of a line.
func (a *assembly) taken(p *mesh.Pod, l mesh.LogLine) *wire {
	src := l.Client()
	if orig, ok := a.nat[p.Name][wireKey{src, l.Dialled()}]; ok {
		src = orig
	}
	w := a.find(src, a.dialled(l.Dialled()), func(w *wire) bool {
		return w.server == nil && (w.down == nil || w.down == p) && (w.downConn == 0 || w.downConn == l.Exact.Conn)
	}, l)
	w.down, w.downConn, w.encrypted = p, l.Exact.Conn, w.encrypted || l.Keys != ""
	w.multiplexed = w.multiplexed || l.Exact.Multiplexed
	if src != l.Client() {
		w.seen = l.Client()
	}
	return w
}

// passedOn finds the wire that Envoy dialled for a line, nil if for none.
func (a *assembly) passedOn(p *mesh.Pod, l mesh.LogLine) *wire {
	src, dst := l.From(), l.Server()
	if !src.IsValid() || !dst.IsValid() {
		return nil
	}
	w := a.find(src, []netip.AddrPort{dst, a.resolve(dst)}, func(w *wire) bool {
		return w.client == nil && (w.up == nil || w.up == p) && (w.upConn == 0 || w.upConn == l.Exact.UpConn)
	}, l)
	in := l.Dir == "in"
	w.up, w.upConn, w.encrypted = p, l.Exact.UpConn, w.encrypted || !in && p.Encrypts(dst)
	w.multiplexed = w.multiplexed || p.Envoy.OverH2(dst, in)
	w.key.dst = dst // the server's end shows it after the node's DNAT
	return w
}

// within splits connections that Envoys carried on as bytes into the exchanges that
// the applications at the two ends had inside, over however many proxies.
func (a *assembly) within() error {
	var out []*hop
	for _, h := range a.hops {
		asked, answered := a.askedIn(h.from), a.answeredIn(h.to)
		if h.line.Exact == nil || h.fromX >= 0 || len(asked) == 0 || len(asked) != len(answered) {
			out = append(out, h)
			continue
		}
		for i, e := range answered {
			x := *h
			x.fromX, x.toX, x.at = i, i, e.At
			x.line.Method, x.line.Target, x.line.Status, x.line.ID = e.Method, e.Target, e.Status, e.RequestID
			out = append(out, &x)
		}
		h.from.asked, h.to.served = len(asked), len(asked)
	}
	a.hops = out
	return nil
}

// askedIn is what a client asked in the connection that a wire carries.
func (a *assembly) askedIn(w *wire) []socket.Exchange {
	if w.client != nil {
		return w.client.Exchanges
	}
	for _, h := range a.hops {
		if h.to == w && h.fromX == -1 {
			return a.askedIn(h.from)
		}
	}
	return nil
}

// answeredIn is what an application answered in it.
func (a *assembly) answeredIn(w *wire) []socket.Exchange {
	if w == nil {
		return nil
	}
	if w.server != nil {
		return w.server.Exchanges
	}
	for _, h := range a.hops {
		if h.from == w && h.fromX == -1 {
			return a.answeredIn(h.to)
		}
	}
	return nil
}

// idle adds the connections of Envoys that carried nothing: those that they
// accepted, which their logs have, and those that they dialled, which conntrack has.
func (a *assembly) idle() error {
	for _, p := range a.in.Pods {
		if p.Envoy == nil {
			continue
		}
		for _, l := range p.Accepted {
			a.taken(p, l)
		}
	}
	for _, p := range a.in.Pods {
		if p.Envoy == nil {
			continue
		}
		seen, err := a.in.events(p.Host)
		if err != nil {
			return err
		}
		seen = slices.DeleteFunc(seen, func(e natEntry) bool { return e.src.Addr() != p.IP && e.src.Addr() != passIP })
		for _, e := range seen {
			a.unused(p, e)
		}
		if err := a.inVain(p, seen); err != nil {
			return err
		}
	}
	return nil
}

// unused notes who dialled a connection that no line tells of.
func (a *assembly) unused(p *mesh.Pod, e natEntry) {
	for _, w := range a.byKey[wireKey{e.src, e.dst}] {
		if w.client == nil && w.up == nil {
			w.up = p
			w.encrypted = w.encrypted || e.src.Addr() != passIP && p.Encrypts(e.dst)
		}
	}
}

// inVain adds the connections that an Envoy dialled and that were refused. Its log
// has the attempts and their times, and conntrack the addresses: the k-th of one is
// the k-th of the other, which must be of about the same time.
func (a *assembly) inVain(p *mesh.Pod, seen []natEntry) error {
	const near = 10 * time.Millisecond
	to := map[netip.AddrPort][]*hop{}
	for _, h := range a.hops {
		if x := h.line.Exact; x != nil && h.pod == p && h.to == nil && x.Host.IsValid() {
			to[x.Host] = append(to[x.Host], h)
		}
	}
	for dst, hops := range to {
		slices.SortFunc(hops, func(x, y *hop) int { return x.line.Exact.Tried.Compare(y.line.Exact.Tried) })
		var dials []natEntry
		for _, e := range seen {
			if e.dst == dst && len(a.byKey[wireKey{e.src, e.dst}]) == 0 {
				dials = append(dials, e)
			}
		}
		if len(dials) != len(hops) {
			return fmt.Errorf("%w: %d attempts of %s failed at %v, which was dialled %d times in vain", world.ErrAgain, len(hops), p.Name, dst, len(dials))
		}
		for i, h := range hops {
			e := dials[i]
			if e.at.Sub(h.line.Exact.Tried).Abs() > near {
				return fmt.Errorf("%w: attempt to reach %v at %v, connection at %v", world.ErrAgain, dst, h.line.Exact.Tried, e.at)
			}
			w := a.add(wireKey{e.src, e.dst}, e.at)
			w.up, w.refused, w.dated, h.to, h.at = p, true, true, w, e.at
		}
	}
	return nil
}

// passIP is from where sidecars dial their applications.
var passIP = netip.MustParseAddr("127.0.0.6")
