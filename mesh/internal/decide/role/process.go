package role

import (
	"net/netip"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// An ownership is who has the two ends of a connection open, nil where that is not
// known, and the sockets that tell.
type ownership struct {
	orig, reply *record.Process
	told        []recorded.Told
}

// socketOwners returns who has the two ends of connection c open, as far as these are
// in its pod.
func socketOwners(x *index.Index, rs *recorded.Records, c *conn.Conn, p *profile.Profile) (o ownership) {
	for _, b := range rs.Sockets {
		if b.Pod != "" && b.Pod != c.Pod {
			continue
		}
		t, back := c.OrigTuple(x), c.ReplyTuple(x)
		var told []recorded.Told
		if o.orig == nil {
			o.orig, told = b.First(rs.Files, [2]netip.AddrPort{t.Src, t.Dst})
			o.told = append(o.told, told...)
		}
		if o.reply == nil {
			o.reply, told = b.First(rs.Files, acceptingEnds(t, back, c, p)...)
			o.told = append(o.told, told...)
		}
	}
	return o
}

// acceptingEnds lists what may be the ends of the socket that accepted c: who
// answers, as far as packets and conntrack show it; behind a redirect that they do
// not show, the proxy's listener at the address that was dialled.
func acceptingEnds(t, back tcpip.Tuple, c *conn.Conn, p *profile.Profile) [][2]netip.AddrPort {
	ends := [][2]netip.AddrPort{{back.Src, back.Dst}, {t.Dst, t.Src}}
	if c.Entry != nil {
		ends = append(ends, [2]netip.AddrPort{c.Entry.Reply.Src, c.Entry.Reply.Dst})
	}
	for _, port := range p.InboundPorts {
		ends = append(ends, [2]netip.AddrPort{netip.AddrPortFrom(t.Dst.Addr(), port), t.Src})
	}
	return ends
}

// NameProcesses fills in the processes of all legs, and returns which sockets told
// them: lines by the list in which they stand.
func NameProcesses(x *index.Index, rs *recorded.Records, legs []*graph.Leg, p *profile.Profile) map[*recorded.Sockets]map[int]bool {
	told := make(map[*recorded.Sockets]map[int]bool)
	for _, b := range rs.Sockets {
		told[b] = make(map[int]bool)
	}
	for _, l := range index.Each(x, legs) {
		for _, s := range nameProcesses(x, rs, l, rs.Profile(l.Pod, p)) {
			told[s.Book][s.Line] = true
		}
	}
	return told
}

// nameProcesses does so for one leg, whose pod has the profile p.
func nameProcesses(x *index.Index, rs *recorded.Records, l *graph.Leg, p *profile.Profile) (told []recorded.Told) {
	for c := range l.Sightings {
		o := socketOwners(x, rs, c, p)
		told = append(told, o.told...)
		if l.OrigProcess == nil {
			l.OrigProcess = o.orig
		}
		if l.ReplyProcess == nil {
			l.ReplyProcess = o.reply
		}
	}
	return told
}

// A dialler is who dialled a connection: what sockets tell.
type dialler uint8

const (
	diallerUnknown dialler = iota
	dialledByProxy
	dialledByApp
)

// proxySet knows the processes of the proxy of each pod: by their names, and since
// they accepted what was redirected or dialled the application as only a proxy
// does.
type proxySet struct {
	profile *profile.Profile
	known   map[proxyKey]bool
	pods    map[string]bool // of which some process is known
}

// A proxyKey is a process, or where only that is known a user.
type proxyKey struct {
	pod string
	pid int
	uid int64
}

func keyOf(p *record.Process, pod string) proxyKey {
	if p.PID != 0 {
		return proxyKey{pod: pod, pid: p.PID}
	}
	return proxyKey{pod: pod, uid: p.UID}
}

// newProxies gathers the proxies' processes from legs that only they can have
// accepted or dialled.
func newProxies(legs []*graph.Leg, of *profile.Profile) *proxySet {
	p := &proxySet{of, make(map[proxyKey]bool), make(map[string]bool)}
	add := func(o *record.Process, pod string) {
		if o != nil && o.PID != 0 {
			p.known[keyOf(o, pod)], p.pods[pod] = true, true
		}
	}
	for _, l := range legs {
		if l.Conn.HalfFlow || l.Conn.TornEntry() {
			add(l.ReplyProcess, l.Conn.Pod)
		}
		if profile.IsBindSource(l.Orig.Src.Addr()) {
			add(l.OrigProcess, l.Conn.Pod)
		}
	}
	return p
}

// has reports whether a process is one of the proxy's.
func (p *proxySet) has(o *record.Process, pod string) bool {
	return o != nil && (p.known[keyOf(o, pod)] || profile.ComponentOf([]string{o.Name}) != "" || o.PID == 0 && slices.Contains(p.profile.UIDs, uint32(o.UID)))
}

// dialled tells who in a pod dialled a leg.
func (p *proxySet) dialled(l *graph.Leg, pod string) dialler {
	o := l.OrigProcess
	switch {
	case o == nil || l.Orig.Src.Addr().IsLoopback() && l.Conn.Pod != pod:
		return diallerUnknown
	case p.has(o, pod):
		return dialledByProxy
	case p.pods[pod] && o.PID != 0 && l.Conn.Pod == pod:
		return dialledByApp
	}
	return diallerUnknown
}
