//go:build linux

package assembly

import (
	"fmt"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

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
			Attempt: h.attempt, Copy: h.copy, Method: h.line.Method, Target: h.line.Target, Status: h.line.Status, RequestID: dash(h.line.ID),
			Separable: !from.Encrypted && !to.Encrypted && !a.in.Notes.SameObject}
		if h.fromX == -1 && from.Sent != nil && to.Sent != nil && *from.Sent == *to.Sent {
			l.Separable = true // by its bytes, whatever they mean
		}
		l.Separable = l.Separable && !a.in.Notes.Alike[h.from.key.src.Addr()] && (h.fromX == -1 || h.toX >= 0)
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
	case w.multiplexed, w.client != nil && w.client.Multiplexed, w.server != nil && w.server.Multiplexed:
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
