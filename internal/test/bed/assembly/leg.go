//go:build linux

package assembly

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/socket"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

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
		Encrypted: w.encrypted, Tunnel: w.tunnel, Complete: !a.in.Notes.Incomplete, Exchanges: max(w.asked, w.served)}
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
	l.Midstream = l.Midstream || a.in.Notes.Payload
	if l.HalfFlow {
		l.Lost = a.in.Notes.Lost[cmp.Or(w.seen, w.key.src)]
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
	case w.server != nil && w.unread:
		return nil, w.server.Wrote.Tally()
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

// stamp writes a time of the truth.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
