package dns

import (
	"net/netip"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/names"
)

// A lookupEnd is a client's end at a capture point.
type lookupEnd struct {
	place  index.Place
	client netip.AddrPort
}

// recallLookups fills in what conntrack knows of redirected lookups of which
// only one direction was captured. An entry without times tells whom the client
// asked last from its port; it is not believed where answers show that the client
// asked others too.
func recallLookups(r *recorded.Records, lookups []*Lookup) {
	if r.Datagrams.Empty() {
		return
	}
	asked := serversAsked(lookups)
	for _, l := range lookups {
		if !l.Redirected || l.Server.IsValid() && l.AnsweredBy.IsValid() {
			continue
		}
		e := r.Datagrams.EntryOf(l.Captured[0], l.start.Nanos)
		if e == nil {
			continue
		}
		known := asked[lookupEnd{l.place, e.Orig.Src}]
		if !e.From.Known() && slices.ContainsFunc(known, func(s netip.AddrPort) bool { return s != e.Orig.Dst }) {
			continue
		}
		l.Client, l.Server, l.AnsweredBy = e.Orig.Src, e.Orig.Dst, e.Reply.Src
		l.Record = e.Source(r.Files)
	}
}

// serversAsked lists whom the clients of redirected lookups asked, as far as
// packets tell.
func serversAsked(lookups []*Lookup) map[lookupEnd][]netip.AddrPort {
	asked := make(map[lookupEnd][]netip.AddrPort)
	for _, l := range lookups {
		k := lookupEnd{l.place, l.Client}
		if l.Redirected && l.Server.IsValid() && !slices.Contains(asked[k], l.Server) {
			asked[k] = append(asked[k], l.Server)
		}
	}
	return asked
}

// agentZone is the conntrack zone of what a mesh's agent asks DNS servers itself;
// what applications ask it is in zone 2 (SetupDNSRedir in Istio's
// tools/istio-iptables).
const agentZone = 1

// zoneLookups makes lookups the agent's own that conntrack has in its zone.
func zoneLookups(r *recorded.Records, lookups []*Lookup) {
	for _, l := range lookups {
		if l.Role != names.Direct {
			continue
		}
		own := func(v recorded.View) bool {
			return !v.E.NAT() && v.E.OrigZone() == agentZone && v.E.Covers(l.start.Nanos)
		}
		if slices.ContainsFunc(r.Datagrams.Views[l.Captured[0]], own) {
			l.Role = names.Upstream
		}
	}
}
