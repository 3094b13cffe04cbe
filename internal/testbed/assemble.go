package testbed

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// errAgain marks a run that went wrong by bad luck and may be repeated.
var errAgain = errors.New("to be run again")

// wire is one TCP connection, put together from whatever saw an end of it.
type wire struct {
	key       wireKey
	turn      int // incarnation of the key, by time
	client    *connRecord
	server    *connRecord
	up, down  *pod // the proxy that dialled it, the proxy that accepted it
	lines     int  // exchanges that a proxy logged on it
	dialled   netip.AddrPort
	start     time.Time
	order     int // of first mention, where no start is known
	leg       int // index + 1 of its leg, 0: not captured
	encrypted bool
}

// wireKey is the tuple as the client's socket has it, with services resolved.
// A loopback source belongs to the pod of dst, so it needs no name of its own.
type wireKey struct{ src, dst netip.AddrPort }

// assembly turns records and log lines into the truth.
type assembly struct {
	bed   *bed
	wires []*wire
	byKey map[wireKey][]*wire
	truth *Truth
	hops  []hop
}

// hop is one exchange over one proxy, before legs have names.
type hop struct {
	from, to   *wire
	fromX, toX int
	line       logLine
	pod        *pod
}

func (a *assembly) resolve(dst netip.AddrPort) netip.AddrPort {
	if e, ok := a.bed.notes.vips[dst]; ok {
		return e
	}
	return dst
}

// collect makes the wires of all recorded sockets: client ends first, then
// server ends, which pair with client ends of the same key in order of time.
func (a *assembly) collect(recs []*connRecord) {
	slices.SortStableFunc(recs, func(x, y *connRecord) int { return x.start.Compare(y.start) })
	for _, r := range recs {
		if !r.server {
			w := a.add(wireKey{r.local, a.resolve(r.remote)}, r.remote, r.start)
			w.client, w.encrypted = r, r.encrypted
		}
	}
	for _, r := range recs {
		if !r.server {
			continue
		}
		key := wireKey{r.remote, r.local}
		i := slices.IndexFunc(a.byKey[key], func(w *wire) bool { return w.server == nil && !w.client.refused })
		if i >= 0 && !a.redirected(key) {
			a.byKey[key][i].server = r
			continue
		}
		a.add(key, key.dst, r.start).server = r
	}
}

// redirected tells a client of a proxied port from one that reached the
// application: both ends recorded the same tuple only if they never met. It
// is decided by the proxies' logs.
func (a *assembly) redirected(key wireKey) bool {
	for _, p := range a.bed.pods {
		for _, l := range p.lines {
			if l.client() == key.src && a.resolve(l.frontend()) == key.dst {
				return true
			}
		}
	}
	return false
}

func (a *assembly) add(key wireKey, dialled netip.AddrPort, start time.Time) *wire {
	w := &wire{key: key, turn: len(a.byKey[key]), dialled: dialled, start: start, order: len(a.wires)}
	a.byKey[key] = append(a.byKey[key], w)
	a.wires = append(a.wires, w)
	return w
}

// downstream finds the wire on which a proxy took the exchange of a log line.
func (a *assembly) downstream(p *pod, l logLine) *wire {
	key := wireKey{l.client(), a.resolve(l.frontend())}
	return a.onWire(key, l.frontend(), func(w *wire) bool {
		return w.server == nil && (w.down == nil || w.down == p) && room(w.client, w.lines, l)
	})
}

// upstream finds the wire on which a proxy passed it on, nil if on none.
func (a *assembly) upstream(p *pod, l logLine) *wire {
	key := wireKey{l.backend(), a.resolve(l.server())}
	if !key.src.IsValid() || !key.dst.IsValid() {
		return nil
	}
	return a.onWire(key, l.server(), func(w *wire) bool {
		return w.client == nil && (w.up == nil || w.up == p) && room(w.server, w.lines, l)
	})
}

func (a *assembly) onWire(key wireKey, dialled netip.AddrPort, fits func(*wire) bool) *wire {
	for _, w := range a.byKey[key] {
		if fits(w) {
			return w
		}
	}
	return a.add(key, dialled, time.Time{})
}

// room says whether the record of a connection's end has more exchanges than
// were given to it yet, so that the next incarnation of a tuple is used when
// one is full.
func room(r *connRecord, used int, l logLine) bool {
	if r == nil || r.refused {
		return r == nil
	}
	if l.Kind == "tcp" {
		return used == 0
	}
	return used < len(r.exchanges)
}

// follow turns the log lines of a proxy into hops.
func (a *assembly) follow(p *pod) error {
	downs := map[*wire]int{}
	ups := map[*wire]int{}
	for _, l := range p.lines {
		d := a.downstream(p, l)
		d.down = p
		h := hop{from: d, fromX: downs[d], toX: -1, line: l, pod: p}
		downs[d]++
		d.lines = max(d.lines, downs[d])
		if u := a.upstreamOf(p, l, ups); u != nil {
			h.to, h.toX = u, ups[u]
			ups[u]++
			u.lines = max(u.lines, ups[u])
		}
		if l.Kind == "tcp" {
			h.fromX, h.toX = -1, -1
		}
		a.hops = append(a.hops, h)
	}
	return nil
}

func (a *assembly) upstreamOf(p *pod, l logLine, used map[*wire]int) *wire {
	u := a.upstream(p, l)
	if u != nil {
		u.up = p
		u.encrypted = u.encrypted || p.encrypts(l.server())
	}
	return u
}

func (p *pod) encrypts(server netip.AddrPort) bool {
	return slices.ContainsFunc(p.proxy.Routes, func(r route) bool { return r.TLS != "" && r.Endpoint == server })
}

// captured returns the pod of that name if there is a capture of it.
func (b *bed) captured(name string) bool {
	return slices.ContainsFunc(b.sniffers, func(s *sniffer) bool { return s.pod == name })
}

// points lists where a wire could be seen, as "pod/interface".
func (a *assembly) points(w *wire) []string {
	var out []string
	for _, h := range a.bed.hosts {
		if !a.bed.captured(h.name) {
			continue
		}
		src, dst := h.owns(w.key.src.Addr()), h.owns(w.key.dst.Addr())
		loop := w.key.src.Addr().IsLoopback() || w.key.src.Addr() == passV6
		switch {
		case src && dst || loop && dst:
			out = append(out, h.name+"/lo")
		case loop:
		case src && w.down != nil && w.down.host == h: // redirected to the proxy in the same pod
			out = append(out, h.name+"/lo")
		case src || dst:
			out = append(out, h.name+"/eth0")
		}
	}
	return out
}

// passV6 is Istio's source of inbound connections over IPv6.
var passV6 = netip.MustParseAddr("::6")

func (h *host) owns(a netip.Addr) bool { return a == h.ip || a == h.ip6 }

// legs makes a leg of every wire that crossed a point, ordered by time.
func (a *assembly) legs() {
	slices.SortStableFunc(a.wires, func(x, y *wire) int {
		if x.start.IsZero() || y.start.IsZero() {
			return x.order - y.order
		}
		return x.start.Compare(y.start)
	})
	for _, w := range a.wires {
		points := a.points(w)
		if len(points) == 0 {
			continue
		}
		l := a.leg(w, points)
		l.ID = "l" + strconv.Itoa(len(a.truth.Legs))
		a.truth.Legs = append(a.truth.Legs, l)
		w.leg = len(a.truth.Legs)
	}
}

func (a *assembly) leg(w *wire, points []string) Leg {
	pod, iface, _ := cutPoint(points[0])
	l := Leg{Pod: pod, Interface: iface, Points: points, Role: a.role(w), Start: stamp(w.start),
		OrigSrc: w.key.src.String(), OrigDst: w.dialled.String(), ReplySrc: w.dialled.String(),
		Encrypted: w.encrypted, Complete: !a.bed.notes.incomplete, Exchanges: w.lines}
	if w.down != nil && w.down.owns(w.key.src.Addr()) {
		l.HalfFlow = true
		l.ReplySrc = w.listener().String()
	}
	end := w.client
	if end == nil {
		end = w.server
	}
	if end != nil {
		l.Refused = end.refused
		l.Exchanges = max(l.Exchanges, len(end.exchanges))
		l.Sent, l.Received = w.streams()
		if a.began(pod).After(end.start) {
			l.Midstream, l.Complete = true, false
		}
	}
	return l
}

// listener is where the redirect of nat OUTPUT takes a connection: 127.0.0.1
// or ::1, at the inbound port if the proxy itself dialled (self call).
func (w *wire) listener() netip.AddrPort {
	lo := netip.MustParseAddr("127.0.0.1")
	if w.key.src.Addr().Is6() {
		lo = netip.IPv6Loopback()
	}
	port := w.down.rules.out
	if w.up != nil {
		port = w.down.rules.in
	}
	return netip.AddrPortFrom(lo, uint16(port))
}

// streams are the bytes orig to reply and back, from an end that is an
// application and wrote nothing in vain.
func (w *wire) streams() (sent, received *Tally) {
	switch {
	case w.client != nil && w.server != nil: // what arrived
		return w.server.read.tally(), w.client.read.tally()
	case w.client != nil && !w.client.aborted:
		return w.client.wrote.tally(), w.client.read.tally()
	case w.server != nil && !w.server.aborted:
		return w.server.read.tally(), w.server.wrote.tally()
	}
	return nil, nil
}

// began is when the captures of a pod were all running.
func (a *assembly) began(pod string) time.Time {
	var t time.Time
	for _, s := range a.bed.sniffers {
		if s.pod == pod && s.started.After(t) {
			t = s.started
		}
	}
	return t
}

// role names the leg from the view of the captured pods.
func (a *assembly) role(w *wire) string {
	up := w.up != nil && a.bed.captured(w.up.name)
	down := w.down != nil && a.bed.captured(w.down.name)
	own := func(p *pod, end netip.AddrPort) bool { return p.owns(end.Addr()) || end.Addr().IsLoopback() }
	switch {
	case w.client != nil && w.client.control:
		return "control"
	case up && down:
		return "proxy-proxy"
	case down && own(w.down, w.key.src):
		return "app-proxy"
	case down:
		return "client-proxy"
	case up && own(w.up, w.key.dst):
		return "proxy-app"
	case up:
		return "proxy-server"
	}
	return "direct"
}

func cutPoint(p string) (pod, iface string, ok bool) {
	for i := range p {
		if p[i] == '/' {
			return p[:i], p[i+1:], true
		}
	}
	return p, "", false
}

// assemble builds the truth of a finished bed.
func (b *bed) assemble() (*Truth, error) {
	a := &assembly{bed: b, byKey: map[wireKey][]*wire{},
		truth: &Truth{Scenario: b.scenario.Name, About: b.scenario.About, Args: []string{}}}
	for _, p := range b.pods {
		if err := p.readLog(); err != nil {
			return nil, err
		}
	}
	a.collect(b.rec.all())
	for _, p := range b.pods {
		if err := a.follow(p); err != nil {
			return nil, err
		}
	}
	a.legs()
	if err := a.links(); err != nil {
		return nil, err
	}
	a.conversations()
	for _, p := range b.pods {
		if b.captured(p.name) {
			a.truth.Pods = append(a.truth.Pods, Pod{Name: p.name, IP: p.ip.String(),
				ProxyUID: p.rules.uid, OutboundPort: p.rules.out, InboundPort: p.rules.in})
		}
	}
	files, err := b.files()
	if err != nil {
		return nil, err
	}
	a.truth.Files = files
	return a.truth, nil
}

// links names the exchanges that crossed a captured proxy.
func (a *assembly) links() error {
	for _, h := range a.hops {
		if h.to == nil || !a.bed.captured(h.pod.name) {
			continue
		}
		if h.from.leg == 0 || h.to.leg == 0 {
			return fmt.Errorf("exchange %s %s of proxy %s has a leg that no capture point shows", h.line.Method, h.line.Target, h.pod.name)
		}
		from, to := &a.truth.Legs[h.from.leg-1], &a.truth.Legs[h.to.leg-1]
		a.truth.Links = append(a.truth.Links, Link{From: from.ID, FromExchange: h.fromX, To: to.ID, ToExchange: h.toX,
			Attempt: 1 + atoi(h.line.Retries), Method: h.line.Method, Target: h.line.Target, Status: h.line.Status, RequestID: dash(h.line.ID),
			Separable: !from.Encrypted && !a.bed.notes.sameObject})
	}
	return nil
}

// dash reads HAProxy's "-" as nothing.
func dash(s string) string {
	if s == "-" {
		return ""
	}
	return s
}
