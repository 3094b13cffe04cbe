//go:build linux

package assembly

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/socket"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// conversations follows every client connection through the links.
func (a *assembly) conversations() {
	served := map[string]bool{}
	next := map[string][]truth.Link{}
	for _, l := range a.truth.Links {
		served[l.To] = true
		next[l.From] = append(next[l.From], l)
	}
	for i := range a.truth.Legs {
		l := &a.truth.Legs[i]
		if served[l.ID] {
			continue
		}
		if l.Tunnel {
			a.tunnelled(l, next)
			continue
		}
		c := truth.Conversation{Client: l.OrigSrc, Server: l.OrigDst, Exchanges: l.Exchanges, Legs: reach(l.ID, next)}
		c.Direction = a.direction(l, c.Legs)
		for _, w := range a.wires {
			if w.leg == i+1 && w.client != nil {
				c.Sent, c.Received = w.plain(l)
			}
			if w.leg == i+1 {
				c.ServerSent, c.ServerReceived = a.served(w)
			}
		}
		a.truth.Conversations = append(a.truth.Conversations, c)
	}
}

// tunnelled makes a conversation of every connection that came out of a tunnel
// from elsewhere.
func (a *assembly) tunnelled(tunnel *truth.Leg, next map[string][]truth.Link) {
	for _, k := range next[tunnel.ID] {
		l, _ := a.truth.Leg(k.To)
		c := truth.Conversation{Client: l.OrigSrc, Server: l.OrigDst, Direction: "inbound", Exchanges: l.Exchanges,
			Legs: append([]string{tunnel.ID}, reach(l.ID, next)...), Sent: l.Sent, Received: l.Received}
		a.truth.Conversations = append(a.truth.Conversations, c)
	}
}

// plain is what the client said and heard above TLS.
func (w *wire) plain(l *truth.Leg) (sent, received *truth.Tally) {
	if w.client.Plain != nil {
		return w.client.Plain.Wrote.Tally(), w.client.Plain.Read.Tally()
	}
	return l.Sent, l.Received
}

// reach lists the legs that serve a leg, nearest first. It goes exchange by
// exchange, since a pooled leg also serves others.
func reach(first string, next map[string][]truth.Link) []string {
	type place struct {
		leg string
		x   int // -2: every exchange
	}
	legs := []string{first}
	for queue := []place{{first, -2}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for _, l := range next[at.leg] {
			if at.x != -2 && l.FromExchange != at.x {
				continue
			}
			if !slices.Contains(legs, l.To) {
				legs = append(legs, l.To)
			}
			queue = append(queue, place{l.To, l.ToExchange})
		}
	}
	return legs
}

func (a *assembly) direction(first *truth.Leg, legs []string) string {
	last, _ := a.truth.Leg(legs[len(legs)-1])
	switch first.Role {
	case "client-proxy":
		if first.Pod == "gw" {
			return "gateway"
		}
		return "inbound"
	case "app-proxy":
		if last.Role == "proxy-app" && last.Pod == first.Pod {
			return "self"
		}
		return "outbound"
	case "proxy-proxy": // nobody asked anything on it
		if first.HalfFlow {
			return "self"
		}
		return "inbound"
	case "proxy-app":
		return "inbound"
	case "proxy-server":
		return "outbound"
	}
	return "direct"
}

// bytes notes what an exchange was on its two legs.
func (a *assembly) bytes(h *hop, l *truth.Link) (err error) {
	if h.down, err = a.turn(h.from.client, l.FromExchange); err != nil {
		return fmt.Errorf("client of %s: %w", h.line.Target, err)
	}
	if h.up, err = a.turn(h.to.server, l.ToExchange); err != nil {
		return fmt.Errorf("server of %s: %w", h.line.Target, err)
	}
	if h.down != nil {
		l.FromRequest, l.FromResponse = socket.TallyOf(h.down.Request), socket.TallyOf(h.down.Response)
	}
	if h.up != nil {
		l.ToRequest, l.ToResponse = socket.TallyOf(h.up.Request), socket.TallyOf(h.up.Response)
	}
	return nil
}

// turn is an exchange in the record of an application's end. Where requests
// are pipelined, or a response begins before its request is over, turns are
// not exchanges.
func (a *assembly) turn(r *socket.Record, x int) (*socket.Turn, error) {
	if r == nil || r.Turns.Full || r.Multiplexed || a.in.Notes.OddTurns || a.in.Notes.Brief {
		return nil, nil
	}
	log := &r.Turns
	if r.Plain != nil {
		log = &r.Plain.Turns
	}
	if x >= len(log.Turns) || len(log.Turns[x].Response) == 0 {
		return nil, fmt.Errorf("no exchange %d in %d turns", x, len(log.Turns))
	}
	return &log.Turns[x], nil
}

// served puts together what the server-side legs carried of a client's
// connection.
func (a *assembly) served(w *wire) (sent, received *truth.Tally) {
	var hops []*hop
	for _, h := range a.hops {
		if h.from == w && h.link > 0 && !h.copy && h.fromX >= 0 && h.toX >= 0 {
			hops = append(hops, h)
		}
	}
	slices.SortFunc(hops, func(x, y *hop) int { return cmp.Or(x.fromX-y.fromX, x.attempt-y.attempt) })
	var up, down socket.Stream
	for i, h := range hops {
		if h.up == nil {
			return nil, nil
		}
		if i+1 < len(hops) && hops[i+1].fromX == h.fromX {
			continue
		}
		up.Add(h.up.Request)
		down.Add(h.up.Response)
	}
	if len(hops) == 0 {
		return nil, nil
	}
	return up.Tally(), down.Tally()
}
