package testbed

import "slices"

// conversations follows every client connection through the links.
func (a *assembly) conversations() {
	served := map[string]bool{}
	next := map[string][]Link{}
	for _, l := range a.truth.Links {
		served[l.To] = true
		next[l.From] = append(next[l.From], l)
	}
	for i := range a.truth.Legs {
		l := &a.truth.Legs[i]
		if served[l.ID] {
			continue
		}
		c := Conversation{Client: l.OrigSrc, Server: l.OrigDst, Exchanges: l.Exchanges, Legs: reach(l.ID, next)}
		c.Direction = a.direction(l, c.Legs)
		for _, w := range a.wires {
			if w.leg == i+1 && w.client != nil {
				c.Sent, c.Received = w.plain(l)
			}
		}
		a.truth.Conversations = append(a.truth.Conversations, c)
	}
}

// plain is what the client said and heard above TLS.
func (w *wire) plain(l *Leg) (sent, received *Tally) {
	if w.client.plain != nil {
		return w.client.plain.wrote.tally(), w.client.plain.read.tally()
	}
	return l.Sent, l.Received
}

// reach lists the legs that serve a leg, nearest first. It goes exchange by
// exchange, since a pooled leg also serves others.
func reach(first string, next map[string][]Link) []string {
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

func (a *assembly) direction(first *Leg, legs []string) string {
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
	case "proxy-app":
		return "inbound"
	case "proxy-server":
		return "outbound"
	}
	return "direct"
}
