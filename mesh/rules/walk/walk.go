package walk

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// Walk follows a packet through the hooks as the kernel does. One that was made
// here goes through OUTPUT and POSTROUTING and, if it stays in the pod, is then
// received by the loopback interface; one that came in goes through PREROUTING
// and INPUT. At each hook base chains are asked in the order of their
// priorities; nat once for a connection, with its first packet.
func Walk(tables []*netfilter.Table, p Packet) *Trace {
	w := &walker{tables: tables, p: p, chains: map[*netfilter.Table]map[string]*netfilter.Chain{}, budget: maxVisits}
	w.t.Packet = p
	if p.In != "" {
		w.receive()
	} else {
		w.send()
	}
	w.t.Dst, w.t.Mark, w.t.ConnMark = w.p.Dst, w.p.Mark, w.p.ConnMark
	w.conclude()
	w.t.Way = way(w.hops)
	return &w.t
}

// maxVisits bounds the rules that a walk looks at: chains may call each other
// in ways that take forever.
const maxVisits = 1 << 20

// A walker is a packet on its way.
type walker struct {
	tables []*netfilter.Table
	p      Packet // as it is now
	t      Trace
	hops   []hop

	hook      string
	table     *netfilter.Table                                 // at hand
	chains    map[*netfilter.Table]map[string]*netfilter.Chain // those of the tables met
	nat       bool                                             // the base chain at hand is nat's
	natted    bool                                             // the destination was rewritten
	tracked   bool                                             // conntrack has seen the packet: its zone is fixed
	loop      bool                                             // the packet was made here and is now received by lo
	zoned     bool                                             // a rule has set the zone: the first one counts
	untracked bool                                             // conntrack must not see it
	tproxy    uint16
	dropped   bool
	lost      bool // a rule is not understood
	budget    int
}

// over reports whether the packet goes no further.
func (w *walker) over() bool { return w.dropped || w.lost }

func (w *walker) send() {
	w.at("OUTPUT")
	if w.over() {
		return
	}
	if w.p.Out == netfilter.Loopback || w.staysHere() {
		w.p.Out = netfilter.Loopback
	}
	w.at("POSTROUTING")
	if w.p.Out == netfilter.Loopback && !w.over() {
		w.p.In, w.p.Out, w.loop = netfilter.Loopback, "", true
		w.t.Looped = true
		w.receive()
	}
}

// staysHere reports whether the destination after NAT is in the pod.
func (w *walker) staysHere() bool {
	return w.natted && (w.p.Dst.Addr().IsLoopback() || slices.Contains(w.p.Local, w.p.Dst.Addr()))
}

func (w *walker) receive() {
	w.at("PREROUTING")
	if !w.over() {
		w.at("INPUT")
	}
}

// conntrackPriority is where conntrack looks at packets: NF_IP_PRI_CONNTRACK.
const conntrackPriority = -200

// at asks all base chains of a hook.
func (w *walker) at(hook string) {
	w.hook = hook
	type base struct {
		t *netfilter.Table
		c *netfilter.Chain
	}
	var bases []base
	for _, t := range w.tables {
		if !t.Family.Covers(w.p.family()) {
			continue
		}
		for _, c := range t.Chains {
			if c.Hook == hook {
				bases = append(bases, base{t, c})
			}
		}
	}
	slices.SortStableFunc(bases, func(a, b base) int { return a.c.Priority - b.c.Priority })
	named := false
	for _, b := range bases {
		w.tracked = w.tracked || b.c.Priority > conntrackPriority
		w.table, w.nat = b.t, b.c.Type == "nat"
		if w.chains[b.t] == nil {
			w.chains[b.t] = b.t.ByName()
		}
		if w.nat && !w.asksNAT() {
			continue
		}
		named = named || w.nat
		if w.base(b.c); w.over() {
			return
		}
	}
	w.tracked = true
	if !named {
		w.hops = append(w.hops, hop{hook: hook, base: true, nat: true, quiet: w.quiet()})
	}
}

// quiet reports whether the hook at hand goes without saying: what lo receives,
// and where a packet goes that a rule gave to the proxy.
func (w *walker) quiet() bool {
	return w.loop || (w.natted || w.tproxy != 0) && (w.hook == "INPUT" || w.hook == "POSTROUTING")
}

// asksNAT reports whether nat's chains are asked: for the first packet of a
// connection, until one of them has decided.
func (w *walker) asksNAT() bool {
	if w.untracked || w.p.State != "" && w.p.State != "NEW" && w.p.State != "RELATED" {
		return false
	}
	switch w.hook {
	case "PREROUTING":
		return !w.natted && !w.loop
	case "OUTPUT":
		return !w.natted
	}
	return true
}

// base asks one base chain.
func (w *walker) base(c *netfilter.Chain) {
	from := len(w.hops)
	done := w.chain(c, from, 0)
	if done == flowNext && c.Policy == netfilter.TargetDrop {
		w.step(c, 0, nil)
		w.drop(fmt.Sprintf("the policy of %s %s drops", w.table.Name, c.Name))
	}
}

// A flow says how a chain was left.
type flow uint8

const (
	flowNext flow = iota // by its end, or RETURN
	flowDone             // with a verdict
)

// chain asks the rules of a chain; level is its place among the hops.
func (w *walker) chain(c *netfilter.Chain, level, depth int) flow {
	w.hops = append(w.hops[:level], hop{hook: w.hook, table: w.table.Name, chain: c.Name, base: depth == 0, of: len(c.Rules), nat: w.nat, quiet: w.quiet()})
	for i := range c.Rules {
		if w.budget--; w.budget < 0 {
			return w.lose(c, i, "too many rules call each other")
		}
		r := &c.Rules[i]
		switch w.holds(r) {
		case no:
			continue
		case unknown:
			if harmless(r) {
				continue
			}
			return w.lose(c, i, "unknown match "+strange(r))
		}
		w.hops = w.hops[:level+1]
		w.hops[level].rule = i + 1
		w.step(c, i+1, r)
		if next, leave := w.targets(c, i, r, level, depth); leave {
			return next
		}
	}
	return flowNext
}

// targets does what a rule says. leave tells to leave the chain.
func (w *walker) targets(c *netfilter.Chain, i int, r *netfilter.Rule, level, depth int) (next flow, leave bool) {
	for j := range r.Targets {
		t := &r.Targets[j]
		if to := w.chains[w.table][t.Name]; to != nil && to.Hook == "" {
			if depth+1 >= netfilter.MaxDepth {
				return w.lose(c, i, "chains call each other too deep"), true
			}
			f := w.chain(to, level+1, depth+1)
			if f == flowDone || t.Goto {
				return f, true
			}
			continue
		}
		switch t.Name {
		case netfilter.TargetReturn:
			return flowNext, true
		case netfilter.TargetAccept:
			return flowDone, true
		case netfilter.TargetDrop, netfilter.TargetReject:
			w.hops[level].moved = true
			w.drop(fmt.Sprintf("rule %d of %s %s drops", i+1, w.table.Name, c.Name))
			return flowDone, true
		}
		if t.Name == netfilter.TargetMark || t.Name == netfilter.TargetConnMark || t.Name == netfilter.TargetCT {
			w.hops[level].marked = true
		} else {
			w.hops[level].moved = t.Name == netfilter.TargetRedirect || t.Name == netfilter.TargetDNAT || t.Name == netfilter.TargetTPROXY || w.hops[level].moved
		}
		if f, done := w.act(c, i, t); done {
			return f, true
		}
	}
	return flowNext, false
}

// act does what a target that is no verdict says. done tells that it is one
// after all.
func (w *walker) act(c *netfilter.Chain, i int, t *netfilter.Target) (f flow, done bool) {
	switch t.Name {
	case netfilter.TargetRedirect, netfilter.TargetDNAT:
		return w.rewrite(c, i, t), true
	case netfilter.TargetTPROXY:
		if t.Ports.Lo != t.Ports.Hi || t.Ports.Lo == 0 {
			return w.lose(c, i, "unknown target "+t.String()), true
		}
		w.tproxy = uint16(t.Ports.Lo)
		w.p.Mark = w.p.Mark&^t.Mask ^ t.Value
		return flowDone, !w.table.NFT
	case netfilter.TargetMark, netfilter.TargetConnMark:
		if t.Op == 0 {
			return w.lose(c, i, "unknown target "+t.String()), true
		}
		w.mark(t)
	case netfilter.TargetCT:
		return w.zone(c, i, t)
	case "NOTRACK":
		w.untracked = w.untracked || !w.tracked && !w.zoned
	case "LOG", "NFLOG", "CONTINUE", "TRACE", "AUDIT":
	case "SNAT", "MASQUERADE": // the source matters to nobody here
		return flowDone, true
	default:
		return w.lose(c, i, "unknown target "+t.Name), true
	}
	return flowNext, false
}

// rewrite gives the packet another destination. REDIRECT sends what was made
// here to the loopback address, and what came in to the interface's own
// (nf_nat_redirect.c).
func (w *walker) rewrite(c *netfilter.Chain, i int, t *netfilter.Target) flow {
	addr, port := t.Addr, uint16(t.Ports.Lo)
	if t.Name == netfilter.TargetRedirect {
		addr = w.here()
	}
	if t.Ports.Lo != t.Ports.Hi || t.Name == netfilter.TargetDNAT && !t.Addr.IsValid() && port == 0 {
		return w.lose(c, i, "unknown choice of "+t.String())
	}
	if !addr.IsValid() {
		addr = w.p.Dst.Addr()
	}
	if port == 0 {
		port = w.p.Dst.Port()
	}
	w.p.Dst = netip.AddrPortFrom(addr, port)
	w.natted = true
	return flowDone
}

// here returns the address that REDIRECT sends to; the zero Addr stands for the
// packet's own.
func (w *walker) here() netip.Addr {
	switch {
	case w.hook != "OUTPUT":
		return w.p.InAddr
	case w.p.family() == netfilter.IPv6:
		return netip.IPv6Loopback()
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// hasConn reports whether the packet has a conntrack entry, or a template for one,
// whose mark and state can be looked at.
func (w *walker) hasConn() bool { return (w.tracked || w.zoned) && !w.untracked }

// mark does what MARK and CONNMARK say (xt_mark.c, xt_connmark.c). Before
// conntrack has seen the packet there is no connection to mark; what is written
// to the template of a zone is lost.
func (w *walker) mark(t *netfilter.Target) {
	p := &w.p
	switch {
	case t.Name == netfilter.TargetMark:
		p.Mark = p.Mark&^t.Mask ^ t.Value
	case !w.hasConn() || !w.tracked && t.Op != netfilter.OpRestore:
	case !w.tracked:
		p.Mark &^= t.Mask
	case t.Op == netfilter.OpSet:
		p.ConnMark = p.ConnMark&^t.Mask ^ t.Value
	case t.Op == netfilter.OpSave:
		p.ConnMark = p.ConnMark&^t.CTMask ^ p.Mark&t.Mask
	case t.Op == netfilter.OpRestore:
		p.Mark = p.Mark&^t.Mask ^ p.ConnMark&t.CTMask
	}
}

// zone sets conntrack's zone. A packet that conntrack or an earlier rule has
// seen keeps what it has (xt_CT.c); in nftables, a zone ends not being tracked
// (nft_ct.c).
func (w *walker) zone(c *netfilter.Chain, i int, t *netfilter.Target) (flow, bool) {
	switch {
	case w.tracked || w.zoned || w.untracked && !w.table.NFT:
	case t.HasZone:
		w.t.Zone, w.zoned, w.untracked = t.Zone, true, false
	case strings.Contains(t.Extra, "--notrack"):
		w.untracked = true
	case t.Extra == netfilter.NotShown:
		return w.lose(c, i, "unknown target CT, whose zone nft does not show"), true
	}
	return flowNext, false
}

// step notes that a rule applied.
func (w *walker) step(c *netfilter.Chain, n int, r *netfilter.Rule) {
	s := Step{Hook: w.hook, Table: w.table.Name, Chain: c.Name, Rule: n}
	if r == nil {
		s.Text, s.Target = "policy "+c.Policy, c.Policy
	} else {
		s.Text = r.Text()
		var names []string
		for i := range r.Targets {
			names = append(names, r.Targets[i].Name)
		}
		s.Target = strings.Join(names, ", ")
	}
	w.t.Steps = append(w.t.Steps, s)
}

// lose ends the walk at rule i of c.
func (w *walker) lose(c *netfilter.Chain, i int, why string) flow {
	w.lost = true
	w.t.Reason = fmt.Sprintf("rule %d of %s %s: %s", i+1, w.table.Name, c.Name, why)
	return flowDone
}

func (w *walker) drop(why string) {
	w.dropped = true
	w.t.Reason = why
}

// conclude says what became of the packet.
func (w *walker) conclude() {
	switch {
	case w.lost:
		w.t.Outcome = Unknown
	case w.dropped:
		w.t.Outcome = Dropped
	case w.natted:
		w.t.Outcome, w.t.Port = Redirected, w.p.Dst.Port()
	case w.tproxy != 0:
		w.t.Outcome, w.t.Port = Proxied, w.tproxy
	}
}

// harmless reports whether it does not matter if a rule applies.
func harmless(r *netfilter.Rule) bool {
	return !slices.ContainsFunc(r.Targets, func(t netfilter.Target) bool {
		return t.Name != "LOG" && t.Name != "NFLOG" && t.Name != "CONTINUE"
	})
}

// strange returns the matches of a rule that are not understood.
func strange(r *netfilter.Rule) string {
	var list []string
	for i := range r.Matches {
		if m := &r.Matches[i]; m.Kind == netfilter.MatchUnknown {
			list = append(list, m.Text)
		}
	}
	if list == nil {
		return "on the type of an address, without the pod's address"
	}
	return strings.Join(list, " ")
}
