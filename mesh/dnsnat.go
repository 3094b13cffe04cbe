package mesh

import (
	"net/netip"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/names"
)

// entryOf returns conntrack's entry of a redirected datagram that was captured
// at the given time with the given tuple, which may be of either direction. It
// returns nil if there is none, or several that say different things.
func (b *natBook) entryOf(t capture.Tuple, nanos int64) *natEntry {
	var found *natEntry
	for _, v := range b.views[t] {
		shows := v.e.Reply.Reverse() // a query is captured behind the redirect, its answer before it
		if v.reply {
			shows = v.e.Orig.Reverse()
		}
		if !v.e.NAT() || shows != t || !v.e.covers(nanos) {
			continue
		}
		if found != nil && (found.Orig != v.e.Orig || found.Reply != v.e.Reply) {
			return nil
		}
		found = v.e
	}
	return found
}

// covers tells whether the entry may have been in the table at a time.
func (e *natEntry) covers(nanos int64) bool {
	if e.from.Known() && !e.from.Local && off(e.from, nanos) > natSlack {
		return false
	}
	return !e.to.Known() || e.to.Local || off(e.to, nanos) >= -natSlack
}

// A lookupEnd is a client's end at a capture point.
type lookupEnd struct {
	place  index.Place
	client netip.AddrPort
}

// recallLookups fills in what conntrack knows of redirected lookups of which
// only one direction was captured. An entry without times tells whom the client
// asked last from its port; it is not believed where answers show that the client
// asked others too.
func recallLookups(r *records, lookups []*workLookup) {
	if r.datagrams.empty() {
		return
	}
	asked := serversAsked(lookups)
	for _, l := range lookups {
		if !l.Redirected || l.Server.IsValid() && l.AnsweredBy.IsValid() {
			continue
		}
		e := r.datagrams.entryOf(l.Captured[0], l.start.Nanos)
		if e == nil {
			continue
		}
		known := asked[lookupEnd{l.place, e.Orig.Src}]
		if !e.from.Known() && slices.ContainsFunc(known, func(s netip.AddrPort) bool { return s != e.Orig.Dst }) {
			continue
		}
		l.Client, l.Server, l.AnsweredBy = e.Orig.Src, e.Orig.Dst, e.Reply.Src
		l.Record = e.source(r.files)
	}
}

// serversAsked lists whom the clients of redirected lookups asked, as far as
// packets tell.
func serversAsked(lookups []*workLookup) map[lookupEnd][]netip.AddrPort {
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
func zoneLookups(r *records, lookups []*workLookup) {
	for _, l := range lookups {
		if l.Role != names.Direct {
			continue
		}
		own := func(v natView) bool { return !v.e.NAT() && v.e.OrigZone() == agentZone && v.e.covers(l.start.Nanos) }
		if slices.ContainsFunc(r.datagrams.views[l.Captured[0]], own) {
			l.Role = names.Upstream
		}
	}
}
