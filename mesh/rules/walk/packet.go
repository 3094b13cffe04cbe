package walk

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// A Packet is the first packet of a connection, as the kernel sees it. Either In
// or Out is set.
type Packet struct {
	tcpip.Tuple
	In  string // the interface it came in by; empty: it was made here
	Out string // the interface routing chose for it; empty: it came in

	UID, GID uint32 // of the socket, if the packet was made here
	Mark     uint32
	ConnMark uint32 // of its connection
	State    string // NEW, ESTABLISHED and so on, as --ctstate names them; empty: NEW

	// Local holds the addresses of the network namespace beside those of the
	// loopback. Matches on the type of an address need them.
	Local []netip.Addr
	// InAddr is the first address of In, to which REDIRECT sends what came in; of
	// several IPv6 addresses the newest is the first.
	// The zero Addr stands for Dst's, which in a pod is the same.
	InAddr netip.Addr
}

// family returns the family of tables that p goes through.
func (p *Packet) family() netfilter.Family { return netfilter.FamilyOf(p.Dst.Addr().Is6()) }

// truth is what is known of a condition.
type truth uint8

const (
	no truth = iota
	yes
	unknown
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// holds reports whether all matches of a rule hold. What is known to fail fails,
// whatever else the rule asks for.
func (w *walker) holds(r *netfilter.Rule) truth {
	result := yes
	for i := range r.Matches {
		switch w.match(&r.Matches[i]) {
		case no:
			return no
		case unknown:
			result = unknown
		}
	}
	return result
}

// match reports whether one match holds.
func (w *walker) match(m *netfilter.Match) truth {
	p := &w.p
	var hit bool
	switch m.Kind {
	case netfilter.MatchUnknown:
		return unknown
	case netfilter.MatchComment:
		return yes
	case netfilter.MatchProto:
		hit = m.Value == uint32(p.Proto)
	case netfilter.MatchIn:
		hit = sameFace(m.Text, p.In)
	case netfilter.MatchOut:
		hit = sameFace(m.Text, p.Out)
	case netfilter.MatchSrc, netfilter.MatchDst:
		return w.address(m)
	case netfilter.MatchSrcPort, netfilter.MatchSrcPorts, netfilter.MatchDstPort, netfilter.MatchDstPorts, netfilter.MatchPorts:
		return w.port(m)
	case netfilter.MatchUID, netfilter.MatchGID:
		return w.owner(m)
	case netfilter.MatchMark:
		hit = p.Mark&m.Mask == m.Value
	case netfilter.MatchConnMark:
		if !w.hasConn() { // holds neither way
			return no
		}
		hit = w.tracked && p.ConnMark&m.Mask == m.Value || !w.tracked && m.Value == 0
	case netfilter.MatchState:
		hit = w.state(m.Text)
	case netfilter.MatchSrcType:
		return w.addrType(m, p.Src.Addr())
	case netfilter.MatchDstType:
		return w.addrType(m, p.Dst.Addr())
	}
	return truthOf(hit != m.Not)
}

// sameFace compares an interface with a rule's; a + at the end stands for any
// rest. No interface is called "".
func sameFace(rule, name string) bool {
	if n := len(rule) - 1; n >= 0 && rule[n] == '+' {
		return name != "" && len(name) >= n && name[:n] == rule[:n]
	}
	return rule == name
}

// address matches a network. One of the other family fails, negated or not.
func (w *walker) address(m *netfilter.Match) truth {
	a := w.p.Dst.Addr()
	if m.Kind == netfilter.MatchSrc {
		a = w.p.Src.Addr()
	}
	hit := false
	for _, n := range m.Prefixes {
		if n.Addr().Is4() != a.Is4() {
			return no
		}
		hit = hit || n.Contains(a)
	}
	return truthOf(hit != m.Not)
}

// holds reports whether n lies in one of spans.
func holds(spans []netfilter.Span, n uint32) bool {
	for _, s := range spans {
		if s.Lo <= n && n <= s.Hi {
			return true
		}
	}
	return false
}

// port matches ports, which ICMP has none of.
func (w *walker) port(m *netfilter.Match) truth {
	if !syntax.HasPorts(uint32(w.p.Proto)) {
		return no
	}
	src, dst := holds(m.Spans, uint32(w.p.Src.Port())), holds(m.Spans, uint32(w.p.Dst.Port()))
	switch m.Kind {
	case netfilter.MatchSrcPort, netfilter.MatchSrcPorts:
		return truthOf(src != m.Not)
	case netfilter.MatchPorts:
		return truthOf((src || dst) != m.Not)
	}
	return truthOf(dst != m.Not)
}

// owner matches the user of the socket. A packet that came in has none: then
// xt_owner holds if it is negated, and nft_meta never does.
func (w *walker) owner(m *netfilter.Match) truth {
	if w.p.In != "" {
		return truthOf(m.Not && !w.table.NFT)
	}
	id := w.p.UID
	if m.Kind == netfilter.MatchGID {
		id = w.p.GID
	}
	return truthOf(holds(m.Spans, id) != m.Not)
}

// state matches what conntrack thinks of the packet.
func (w *walker) state(list string) bool {
	now := w.p.State
	if now == "" {
		now = "NEW"
	}
	switch {
	case w.untracked:
		now = "UNTRACKED"
	case !w.hasConn(): // not seen yet (xt_conntrack.c)
		now = "INVALID"
	}
	found := false
	for name := range strings.SplitSeq(list, ",") {
		found = found || name == now || name == "DNAT" && w.natted
	}
	return found
}

// addrType matches the type of an address: only LOCAL and what follows from it
// is known.
func (w *walker) addrType(m *netfilter.Match, a netip.Addr) truth {
	if m.Text != "LOCAL" {
		return unknown
	}
	switch {
	case a.IsLoopback() || slices.Contains(w.p.Local, a):
		return truthOf(!m.Not)
	case len(w.p.Local) == 0:
		return unknown
	}
	return truthOf(m.Not)
}
