package mesh

import (
	"net/netip"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/record"
	"github.com/pcapmesh/pcapmesh/mesh/sockets"
)

// A socketBook is the sockets that a file lists of a pod.
type socketBook struct {
	sockets.Table
	file  int          // index into records.files
	pod   string       // "" = any
	found map[int]bool // lines of sockets that are ends of captured connections
}

// process returns who has a socket open; nil if the file does not say.
func (b *socketBook) process(s sockets.Socket, files []record.Info) *record.Process {
	p := &record.Process{UID: s.UID, Source: record.Source{Kind: record.Sockets, File: files[b.file].Name, Line: s.Line}}
	if len(s.Processes) > 0 {
		p.Name, p.PID = s.Processes[0].Name, s.Processes[0].PID
	} else if s.UID < 0 {
		return nil
	}
	return p
}

// An ownership is who has the two ends of a connection open, nil where that is not
// known, and the sockets that tell.
type ownership struct {
	orig, reply *record.Process
	told        []toldSocket
}

// A toldSocket is a line of a list of sockets.
type toldSocket struct {
	book *socketBook
	line int
}

// socketOwners returns who has the two ends of connection c open, as far as these are
// in its pod.
func socketOwners(rs *records, x *index.Index, c *conn, profile *profile.Profile) (o ownership) {
	for _, b := range rs.sockets {
		if b.pod != "" && b.pod != c.pod {
			continue
		}
		t, back := c.origTuple(x), c.replyTuple(x)
		var told []toldSocket
		if o.orig == nil {
			o.orig, told = b.first(rs.files, [2]netip.AddrPort{t.Src, t.Dst})
			o.told = append(o.told, told...)
		}
		if o.reply == nil {
			o.reply, told = b.first(rs.files, acceptingEnds(rs, t, back, c, profile)...)
			o.told = append(o.told, told...)
		}
	}
	return o
}

// acceptingEnds lists what may be the ends of the socket that accepted c: who
// answers, as far as packets and conntrack show it; behind a redirect that they do
// not show, the proxy's listener at the address that was dialled.
func acceptingEnds(rs *records, t, back capture.Tuple, c *conn, profile *profile.Profile) [][2]netip.AddrPort {
	ends := [][2]netip.AddrPort{{back.Src, back.Dst}, {t.Dst, t.Src}}
	if c.entry != nil {
		ends = append(ends, [2]netip.AddrPort{c.entry.Reply.Src, c.entry.Reply.Dst})
	}
	for _, port := range profile.InboundPorts {
		ends = append(ends, [2]netip.AddrPort{netip.AddrPortFrom(t.Dst.Addr(), port), t.Src})
	}
	return ends
}

// first returns the process of the first of the sockets that is listed, and all
// that were looked at for that; ends are local and remote.
func (b *socketBook) first(files []record.Info, ends ...[2]netip.AddrPort) (p *record.Process, told []toldSocket) {
	for _, e := range ends {
		s, ok := b.Owner(e[0], e[1])
		if !ok {
			continue
		}
		told = append(told, toldSocket{b, s.Line})
		if p = b.process(s, files); p != nil {
			break
		}
	}
	return p, told
}

// nameProcesses fills in the processes of a leg, and notes which sockets told them.
func nameProcesses(rs *records, x *index.Index, l *workLeg, profile *profile.Profile) {
	for c := range l.sightings {
		o := socketOwners(rs, x, c, profile)
		for _, s := range o.told {
			s.book.found[s.line] = true
		}
		if l.OrigProcess == nil {
			l.OrigProcess = o.orig
		}
		if l.ReplyProcess == nil {
			l.ReplyProcess = o.reply
		}
	}
}

// A dialler is who dialled a connection: what sockets tell.
type dialler uint8

const (
	diallerUnknown dialler = iota
	dialledByProxy
	dialledByApp
)

// proxies knows the processes of the proxy of each pod: by their names, and since
// they accepted what was redirected or dialled the application as only a proxy
// does.
type proxies struct {
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
func newProxies(legs []*workLeg, of *profile.Profile) *proxies {
	p := &proxies{of, make(map[proxyKey]bool), make(map[string]bool)}
	add := func(o *record.Process, pod string) {
		if o != nil && o.PID != 0 {
			p.known[keyOf(o, pod)], p.pods[pod] = true, true
		}
	}
	for _, l := range legs {
		if l.conn.halfFlow || l.conn.tornEntry() {
			add(l.ReplyProcess, l.conn.pod)
		}
		if profile.IsBindSource(l.Orig.Src.Addr()) {
			add(l.OrigProcess, l.conn.pod)
		}
	}
	return p
}

// dialled tells who in a pod dialled a leg.
func (p *proxies) dialled(l *workLeg, pod string) dialler {
	o := l.OrigProcess
	switch {
	case o == nil || l.Orig.Src.Addr().IsLoopback() && l.conn.pod != pod:
		return diallerUnknown
	case p.known[keyOf(o, pod)], profile.ComponentOf([]string{o.Name}) != "", o.PID == 0 && slices.Contains(p.profile.UIDs, uint32(o.UID)):
		return dialledByProxy
	case p.pods[pod] && o.PID != 0 && l.conn.pod == pod:
		return dialledByApp
	}
	return diallerUnknown
}
