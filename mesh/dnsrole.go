package mesh

import (
	"net/netip"
	"sort"
	"strings"
)

// assignLookups tells the application's lookups from the agent's. Where the
// agent takes the queries of a pod, nobody but the agent and the proxy can ask
// the servers from which the application's are redirected.
func assignLookups(lookups []*Lookup) {
	pods := make(map[string]*resolving)
	for _, l := range lookups {
		if l.Redirected {
			l.Role = LookupApp
			resolvingIn(pods, l.Pod).learn(l)
		}
	}
	for _, l := range lookups {
		r := pods[l.Pod]
		if l.Redirected || r == nil || !r.clients[l.Client.Addr()] {
			continue
		}
		l.UpstreamOf = r.cause(lookups, l)
		if l.UpstreamOf >= 0 || r.servers[l.Server] {
			l.Role = LookupUpstream
		}
	}
}

// resolving is what is known of a pod whose agent answers queries.
type resolving struct {
	clients map[netip.Addr]bool     // who is redirected: the pod's own addresses
	servers map[netip.AddrPort]bool // from whom
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
	begun := sort.Search(len(asked), func(i int) bool { return lookups[asked[i]].start.nanos > l.start.nanos+causality })
	best, grade := -1, 0
	for _, id := range asked[max(begun-maxCauses, 0):begun] {
		a := lookups[id]
		same := a.MessageID == l.MessageID
		if l.start.nanos-a.start.nanos > lookupPatience || !a.waits(l) || !same && !r.servers[l.Server] {
			continue
		}
		if g := 1 + boolGrade(same, 2) + boolGrade(!r.used[id], 1); g > grade {
			best, grade = id, g
		}
	}
	if best >= 0 {
		r.used[best] = true
	}
	return best
}

// waits tells whether the application still waited for a when l was answered,
// or asked.
func (a *Lookup) waits(l *Lookup) bool {
	until := max(l.start.nanos, l.Answered)
	return a.Answered == 0 || a.Answered >= until-causality
}

// capturesDNS tells which pods' agents answer their queries.
func capturesDNS(lookups []*Lookup) map[string]bool {
	pods := make(map[string]bool)
	for _, l := range lookups {
		if l.Redirected {
			pods[l.Pod] = true
		}
	}
	return pods
}
