package walk

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// A Sight is what a capture on one interface shows of a connection.
type Sight struct {
	Interface string
	Request   tcpip.Tuple // the client's packets
	Reply     tcpip.Tuple // the server's; not valid if there are none
}

// Torn reports whether the two directions look like two connections.
func (s *Sight) Torn() bool { return s.Reply != (tcpip.Tuple{}) && s.Reply != s.Request.Reverse() }

// Sights returns what captures show of the connection whose first packet was
// walked; nothing if that is not known.
//
// A tap on an interface stands behind POSTROUTING and before PREROUTING. So what
// came in shows as it was sent, whatever NAT did to it. What is redirected in
// OUTPUT shows after that on the way to the proxy, and the answers show, already
// set back by POSTROUTING, before it: two half-flows on lo (net/netfilter's
// nf_nat_core.c, nf_nat_packet).
func (t *Trace) Sights() []Sight {
	p := &t.Packet
	if t.Outcome == Unknown || t.Outcome == Dropped && p.In == "" && !t.Looped {
		return nil
	}
	s := Sight{Interface: p.Out, Request: p.Tuple, Reply: p.Tuple.Reverse()}
	switch {
	case p.In != "":
		s.Interface = p.In
	case t.Dst != p.Dst && t.Looped:
		s.Interface = netfilter.Loopback
		s.Request.Dst = t.Dst
	case t.Dst != p.Dst: // to another machine, whose answers come in before NAT
		s.Request.Dst = t.Dst
		s.Reply = s.Request.Reverse()
	}
	if t.Outcome == Dropped {
		s.Reply = tcpip.Tuple{}
	}
	return []Sight{s}
}

// Strays returns those of the tuples captured of a connection that captures do
// not show if it went the way that was walked.
func (t *Trace) Strays(captured []tcpip.Tuple) []tcpip.Tuple {
	var out []tcpip.Tuple
	for _, c := range captured {
		shown := slices.ContainsFunc(t.Sights(), func(s Sight) bool { return c == s.Request || c == s.Reply })
		if !shown {
			out = append(out, c)
		}
	}
	return out
}
