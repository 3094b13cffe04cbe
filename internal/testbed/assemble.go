//go:build linux

package testbed

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/socket"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// assemble builds the truth of a finished scenario.
func assemble(e *evidence) (*truth.Truth, error) {
	a := &assembly{in: e, byKey: map[wireKey][]*wire{}, nat: map[string]natTable{},
		truth: &truth.Truth{Scenario: e.Name, About: e.about, Args: []string{}}}
	if err := a.read(); err != nil {
		return nil, err
	}
	if err := a.collect(e.rec.Seal()); err != nil {
		return nil, err
	}
	for _, p := range e.Pods {
		if err := a.follow(p); err != nil {
			return nil, err
		}
	}
	for _, step := range []func() error{a.failed, a.refusals} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	a.count()
	a.legs()
	if err := a.links(); err != nil {
		return nil, err
	}
	a.conversations()
	if err := a.checkAccess(); err != nil {
		return nil, err
	}
	a.truth.Lookups = e.lookups
	return a.truth, a.describe()
}

// read loads the logs of the proxies and the NAT tables of their pods.
func (a *assembly) read() error {
	for _, p := range a.in.Pods {
		if err := p.ReadLog(); err != nil {
			return err
		}
		nat, err := a.in.natTable(p)
		if err != nil {
			return err
		}
		a.nat[p.Name] = nat
	}
	var err error
	a.masks, err = a.in.masked()
	return err
}

// describe adds pods, files and arguments.
func (a *assembly) describe() error {
	for _, p := range a.in.Pods {
		if a.in.Captured(p.Name) {
			a.truth.Pods = append(a.truth.Pods, truth.Pod{Name: p.Name, IP: p.IP.String(), IPv6: a.in.address6(p),
				ProxyUID: p.Rules.UID, OutboundPort: p.Rules.Out, InboundPort: p.Rules.In})
		}
	}
	files, err := a.in.files()
	if err != nil {
		return err
	}
	a.truth.Files = files
	var places []string
	for _, f := range files {
		if !slices.Contains(places, f.Pod) {
			places = append(places, f.Pod)
		}
	}
	for _, p := range places {
		var names []string
		for _, f := range files {
			if f.Pod == p {
				names = append(names, f.Name)
			}
		}
		if len(places) > 1 {
			a.truth.Args = append(a.truth.Args, "--pod", p+"="+strings.Join(names, ","))
		}
	}
	a.truth.Keys, err = a.in.WriteKeys()
	return err
}

func (e *evidence) address6(p *mesh.Pod) string {
	if e.V6 {
		return p.IP6.String()
	}
	return ""
}

// points lists where a wire could be seen, as "pod/interface".
func (a *assembly) points(w *wire) []string {
	var out []string
	for _, h := range a.in.Hosts {
		if !a.in.Captured(h.Name) {
			continue
		}
		if iface := w.visible(h, a.resolve(w.key.dst)); iface != "" && a.in.Sniffed(h.Name, iface) {
			out = append(out, h.Name+"/"+iface)
		}
	}
	if _, ok := a.masks[a.dialledAs(w)]; ok {
		out = append(out, a.behind())
	}
	return out
}

// behind is the point behind the node's NAT.
func (a *assembly) behind() string { return a.in.Node.Name + "/" + a.in.notes.masquerade }

// dialledAs is the key of a wire as the node saw it come.
func (a *assembly) dialledAs(w *wire) wireKey {
	for _, dst := range a.dialled(w.key.dst) {
		if k := (wireKey{w.key.src, dst}); a.masks[k] != (translation{}) {
			return k
		}
	}
	return w.key
}

// visible is the interface of h that the wire crosses, or "".
func (w *wire) visible(h *world.Host, endpoint netip.AddrPort) string {
	if p := w.within(); p != nil {
		if p.Host == h {
			return "lo"
		}
		return ""
	}
	src, dst := h.Owns(w.key.src.Addr()), h.Owns(w.key.dst.Addr())
	if w.down == nil && !src {
		dst = dst || h.Owns(endpoint.Addr())
	}
	local := w.key.src.Addr().IsLoopback() || w.key.src.Addr() == mesh.PassV6
	inside := w.key.dst.Addr().IsLoopback() &&
		(w.client != nil && w.client.Host == h || w.server != nil && w.server.Host == h)
	switch {
	case src && dst, local && dst, inside:
		return "lo"
	case local:
		return ""
	case src && w.down != nil && w.down.Host == h, // redirected to the proxy in the same pod
		src && w.client != nil && w.client.Taken.IsValid(): // or to its agent
		return "lo"
	case src || dst || w.down != nil && w.down.Host == h:
		return "eth0"
	}
	return ""
}

// within is the pod that the wire does not leave, though its addresses may be
// others': redirected to the proxy, or dialled by it from its client's address.
func (w *wire) within() *mesh.Pod {
	switch {
	case w.down != nil && w.down.Owns(w.key.src.Addr()):
		return w.down
	case w.borrowed():
		return w.up
	}
	return nil
}

// borrowed says whether a proxy dialled from its client's address.
func (w *wire) borrowed() bool {
	src := w.key.src.Addr()
	return w.up != nil && !w.up.Owns(src) && !src.IsLoopback() && src != mesh.PassV6
}

// legs makes a leg of every wire that crossed a point, ordered by time.
func (a *assembly) legs() {
	slices.SortStableFunc(a.wires, func(x, y *wire) int { return x.start.Compare(y.start) })
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
	for _, w := range a.wires {
		if w.leg == 0 || w.client == nil || w.client.Cause == nil {
			continue
		}
		for _, c := range a.wires {
			if c.server == w.client.Cause && c.leg > 0 {
				a.truth.Legs[w.leg-1].Cause = a.truth.Legs[c.leg-1].ID
			}
		}
	}
}

func (a *assembly) leg(w *wire, points []string) truth.Leg {
	pod, iface, _ := strings.Cut(points[0], "/")
	l := truth.Leg{Pod: pod, Interface: iface, Points: points, Role: a.role(w), Refused: w.refused,
		OrigSrc: w.key.src.String(), OrigDst: w.key.dst.String(),
		Encrypted: w.encrypted, Tunnel: w.tunnel, Complete: !a.in.notes.incomplete, Exchanges: max(w.asked, w.served)}
	h := a.in.Host(pod)
	if end := a.resolve(w.key.dst); !h.Owns(w.key.src.Addr()) && h.Owns(end.Addr()) {
		l.OrigDst = end.String() // behind the node's DNAT
	}
	l.ReplySrc = l.OrigDst
	if w.down != nil && w.down.Owns(w.key.src.Addr()) {
		l.HalfFlow, l.ReplySrc = true, w.listener().String()
	}
	if w.client != nil && w.client.Taken.IsValid() {
		l.HalfFlow, l.ReplySrc = true, w.client.Taken.String()
	}
	if w.seen.IsValid() {
		l.RequestSrc = w.seen.String()
	}
	if k := a.dialledAs(w); a.masks[k] != (translation{}) {
		m := a.masks[k]
		l.Translated = append(l.Translated, truth.Translation{Point: a.behind(), Src: m.src.String(), Dst: m.dst.String()})
	}
	a.fromRecord(&l, w)
	if w.dated {
		l.Start = stamp(w.start)
	}
	l.Midstream = l.Midstream || a.in.notes.payload
	if l.HalfFlow {
		l.Lost = a.in.notes.lost[cmp.Or(w.seen, w.key.src)]
	}
	l.Complete = l.Complete && l.Lost == ""
	if a.raw(w) {
		l.Exchanges = w.spoken()
	}
	return l
}

// raw says whether the wire carried TCP that no proxy took for HTTP.
func (a *assembly) raw(w *wire) bool {
	return slices.ContainsFunc(a.hops, func(h *hop) bool { return h.from == w && h.fromX == -1 || h.to == w && h.toX == -1 })
}

// spoken counts the exchanges that the ends of the wire know, whatever a proxy
// took them for.
func (w *wire) spoken() int {
	for _, r := range []*socket.Record{w.client, w.server} {
		if r != nil {
			return len(r.Exchanges)
		}
	}
	return 0
}

// fromRecord adds what an application's end of the wire knows.
func (a *assembly) fromRecord(l *truth.Leg, w *wire) {
	end := w.client
	if end == nil {
		end = w.server
	}
	began := a.began(l.Pod)
	if end == nil {
		return
	}
	l.Start = stamp(end.Start)
	l.Exchanges = max(l.Exchanges, len(end.Exchanges))
	l.Sent, l.Received = w.streams()
	if began.After(end.Start) {
		l.Midstream = true
		l.Exchanges -= w.before(began)
	}
}

// before counts the exchanges that were over when the capture began.
func (w *wire) before(began time.Time) int {
	end := w.client
	if end == nil {
		end = w.server
	}
	n := 0
	for end != nil && n < len(end.Exchanges) && end.Exchanges[n].At.Before(began) {
		n++
	}
	return n
}

// listener is where the redirect of nat OUTPUT takes a connection: 127.0.0.1
// or ::1, at the inbound port if the proxy itself dialled (self call).
func (w *wire) listener() netip.AddrPort {
	lo := netip.MustParseAddr("127.0.0.1")
	if w.key.src.Addr().Is6() {
		lo = netip.IPv6Loopback()
	}
	port := w.down.Rules.Out
	if w.up != nil {
		port = w.down.Rules.In
	}
	return netip.AddrPortFrom(lo, uint16(port))
}

// streams are the bytes orig to reply and back, from an end that is an
// application; what was written need not have arrived if it was aborted.
func (w *wire) streams() (sent, received *truth.Tally) {
	switch {
	case w.client != nil && w.server != nil: // what arrived
		return w.server.Read.Tally(), w.client.Read.Tally()
	case w.client != nil:
		return w.client.Wrote.Tally(), w.client.Read.Tally()
	case w.server != nil:
		return w.server.Read.Tally(), w.server.Wrote.Tally()
	}
	return nil, nil
}

// began is when the captures of a pod were all running.
func (a *assembly) began(pod string) time.Time {
	var t time.Time
	for _, s := range a.in.Sniffers {
		if s.Pod == pod && s.Started.After(t) {
			t = s.Started
		}
	}
	return t
}

// role names the leg from the view of the captured pods.
func (a *assembly) role(w *wire) string {
	up := w.up != nil && a.in.Captured(w.up.Name)
	down := w.down != nil && a.in.Captured(w.down.Name)
	own := func(p *mesh.Pod, end netip.AddrPort) bool { return p.Owns(end.Addr()) || end.Addr().IsLoopback() }
	switch {
	case w.client != nil && w.client.Control:
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

// links names the exchanges that crossed a captured proxy.
func (a *assembly) links() error {
	for _, h := range a.hops {
		if h.to == nil || !a.in.Captured(h.pod.Name) {
			continue
		}
		if h.from.leg == 0 || h.to.leg == 0 {
			return fmt.Errorf("exchange %s %s of proxy %s has a leg that no capture point shows", h.line.Method, h.line.Target, h.pod.Name)
		}
		from, to := &a.truth.Legs[h.from.leg-1], &a.truth.Legs[h.to.leg-1]
		l := truth.Link{From: from.ID, FromExchange: h.fromX, To: to.ID, ToExchange: h.toX,
			Attempt: h.attempt, Method: h.line.Method, Target: h.line.Target, Status: h.line.Status, RequestID: dash(h.line.ID),
			Separable: !from.Encrypted && !to.Encrypted && !a.in.notes.sameObject}
		if h.fromX == -1 && from.Sent != nil && to.Sent != nil && *from.Sent == *to.Sent {
			l.Separable = true // by its bytes, whatever they mean
		}
		l.Separable = l.Separable && !a.in.notes.alike[h.from.key.src.Addr()] && (h.fromX == -1 || h.toX >= 0)
		if h.fromX >= 0 && !h.from.tunnel {
			if from.Midstream {
				l.FromExchange -= h.from.before(a.began(from.Pod))
			}
			if to.Midstream && h.toX >= 0 {
				l.ToExchange -= h.to.before(a.began(to.Pod))
			}
			if l.FromExchange < 0 || h.toX >= 0 && l.ToExchange < 0 {
				continue // over when the capture began
			}
			a.hidden(h, &l)
			if err := a.bytes(h, &l); err != nil {
				return err
			}
		}
		a.truth.Links = append(a.truth.Links, l)
		h.link = len(a.truth.Links)
	}
	a.twins()
	return nil
}

// hidden says where and when an exchange was on legs that cannot be read.
func (a *assembly) hidden(h *hop, l *truth.Link) {
	if h.from.encrypted {
		l.FromBy = stamp(a.by(h.from, h.fromX))
		if r := h.from.client; r != nil {
			l.FromBelow = r.Exchanges[h.fromX].Below
		}
	}
	if h.to.encrypted {
		l.ToBy = stamp(a.by(h.to, h.toX))
	}
}

// by is a time between the requests x and x+1 of a wire.
func (a *assembly) by(w *wire, x int) time.Time {
	switch {
	case w.client != nil && w.client.Multiplexed, w.server != nil && w.server.Multiplexed:
		return time.Time{}
	case w.client != nil:
		return w.client.Exchanges[x].At
	case w.server != nil:
		return w.server.Exchanges[x].Begun
	}
	for _, h := range a.hops {
		if h.from == w && h.fromX == x && h.to != nil && h.to.server != nil {
			return h.to.server.Exchanges[h.toX].Begun
		}
	}
	return time.Time{}
}

// twins takes back that raw streams are separable where another one of the
// same proxy carried the same bytes: only their order in time differs.
func (a *assembly) twins() {
	type content struct{ pod, sent, received string }
	of := func(l *truth.Link) (content, bool) {
		leg, ok := a.truth.Leg(l.From)
		if !ok || l.FromExchange != -1 || leg.Sent == nil || leg.Received == nil {
			return content{}, false
		}
		return content{leg.Pod, leg.Sent.SHA256, leg.Received.SHA256}, true
	}
	count := make(map[content]int)
	for i := range a.truth.Links {
		if c, ok := of(&a.truth.Links[i]); ok {
			count[c]++
		}
	}
	for i := range a.truth.Links {
		if c, ok := of(&a.truth.Links[i]); ok && count[c] > 1 {
			a.truth.Links[i].Separable = false
		}
	}
}

// dash reads HAProxy's "-" as nothing.
func dash(s string) string {
	if s == "-" {
		return ""
	}
	return s
}

// stamp writes a time of the truth.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
