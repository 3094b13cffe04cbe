package dns

import (
	"net/netip"
	"slices"
	"sort"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/names"
)

// assignLookups tells the application's lookups from the agent's. Where the
// agent takes the queries of a pod, nobody but the agent and the proxy can ask
// the servers from which the application's are redirected.
func assignLookups(lookups []*Lookup) {
	plain(lookups)
	pods := make(map[string]*resolving)
	for _, l := range lookups {
		if l.Redirected {
			l.Role = names.App
			resolvingIn(pods, l.Pod).learn(l)
		}
	}
	// What the agent asks leaves the pod; a capture that pcapmesh wrote has the
	// application's lookups on loopback without redirect.
	others := slices.DeleteFunc(slices.Clone(lookups), func(l *Lookup) bool {
		return l.Redirected || l.lo || pods[l.Pod] == nil || !pods[l.Pod].clients[l.Client.Addr()]
	})
	for _, l := range others { // whom the agent asks, if no answer tells
		if r := pods[l.Pod]; r.cause(lookups, l) >= 0 {
			r.servers[l.Server] = true
		}
	}
	for _, l := range others {
		r := pods[l.Pod]
		if l.UpstreamOf = r.cause(lookups, l); l.UpstreamOf >= 0 {
			r.used[l.UpstreamOf] = true
		}
		if r.servers[l.Server] {
			l.Role = names.Upstream
		}
	}
}

// plain takes back that answers were redirected whose queries were not captured,
// where others of the same server at the same point were not: a resolver can
// have an address of its own on loopback.
func plain(lookups []*Lookup) {
	type seat struct {
		place  index.Place
		server netip.AddrPort
	}
	seen := make(map[seat]bool)
	for _, l := range lookups {
		if l.Queries > 0 && l.Answers > 0 && !l.Redirected {
			seen[seat{l.place, l.Server}] = true
		}
	}
	for _, l := range lookups {
		if l.Queries == 0 && seen[seat{l.place, l.Server}] {
			l.Redirected, l.AnsweredBy = false, l.Server
		}
	}
}

// resolving is what is known of a pod whose agent answers queries.
type resolving struct {
	clients map[netip.Addr]bool     // who is redirected: the pod's own addresses
	servers map[netip.AddrPort]bool // from whom, and whom the agent asks
	asked   map[[2]string][]int     // the application's lookups by question, in the order of time
	used    map[int]bool            // lookups that the agent passed on
}

func resolvingIn(pods map[string]*resolving, pod string) *resolving {
	if pods[pod] == nil {
		pods[pod] = &resolving{make(map[netip.Addr]bool), make(map[netip.AddrPort]bool), make(map[[2]string][]int), make(map[int]bool)}
	}
	return pods[pod]
}

func (r *resolving) learn(l *Lookup) {
	r.clients[l.Client.Addr()] = true
	if l.Server.IsValid() {
		r.servers[l.Server] = true
	}
	if l.Name != "" {
		q := l.question()
		r.asked[q] = append(r.asked[q], l.ID)
	}
}

// question returns what was asked for, to be compared.
func (l *Lookup) question() [2]string { return [2]string{strings.ToLower(l.Name), l.Type} }

// maxCauses bounds how many of the application's lookups with one question are
// looked at for one of the agent's.
const maxCauses = 64

// cause returns the application's lookup that the agent passes on with l: the
// same question, which waits while l is asked. Istio's agent keeps the id; of
// several the first in time that was not passed on yet is taken. The application
// may ask a server from which it is not redirected at the same time, so that
// there only the id tells. -1 means none.
func (r *resolving) cause(lookups []*Lookup, l *Lookup) int {
	asked := r.asked[l.question()]
	begun := sort.Search(len(asked), func(i int) bool { return lookups[asked[i]].start.Nanos > l.start.Nanos+index.Causality })
	best, grade := -1, 0
	for _, id := range asked[max(begun-maxCauses, 0):begun] {
		a := lookups[id]
		same := a.MessageID == l.MessageID
		if l.start.Nanos-a.start.Nanos > lookupPatience || !a.waits(l) || !same && !r.servers[l.Server] {
			continue
		}
		g := 1
		if same {
			g += 2
		}
		if !r.used[id] {
			g++
		}
		if g > grade {
			best, grade = id, g
		}
	}
	return best
}

// waits reports whether the application still waited for a when l was answered,
// or asked.
func (a *Lookup) waits(l *Lookup) bool {
	until := max(l.start.Nanos, int64(l.Answered))
	return a.Answered == 0 || int64(a.Answered) >= until-index.Causality
}

// Captured tells which pods' agents answer their queries, over UDP or TCP.
func Captured(x *index.Index, lookups []*Lookup, legs []*graph.Leg) map[string]bool {
	pods := make(map[string]bool)
	for _, l := range lookups {
		if l.Redirected {
			pods[l.Pod] = true
		}
	}
	for _, l := range legs {
		if l.Orig.Dst.Port() == 53 && l.Reply.Src.Port() != 53 && slices.Contains(x.Ports, l.Reply.Src.Port()) {
			pods[l.Pod] = true
		}
	}
	return pods
}
