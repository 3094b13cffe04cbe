package istio

import (
	"net/netip"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/draft"
	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// Tables returns the rules that istio-iptables makes of the arguments, in its
// order, for IPv4 and, if asked for, IPv6. Networks that cannot be read are left
// out, as there.
//
// Source: istio, tools/istio-iptables/pkg/capture/run.go of 1.27 to 1.31.
func (a *Args) Tables() []*netfilter.Table {
	var out []*netfilter.Table
	for _, f := range []netfilter.Family{netfilter.IPv4, netfilter.IPv6} {
		if f == netfilter.IPv6 && !a.IPv6 {
			break
		}
		g := newGenerator(a, f)
		g.nat()
		if a.Mode == "TPROXY" || a.DropInvalid {
			g.mangle()
		}
		if g.RedirectDNS {
			g.raw()
		}
		for _, t := range g.tables {
			out = append(out, t.Table)
		}
	}
	return out
}

// A generator writes the rules of one family.
type generator struct {
	*Args
	family   netfilter.Family
	lo, pass string // loopback and Envoy's source on the way to the application
	loopback bool   // an included network is loopback
	all      bool   // outbound: everything
	include  []string
	exclude  []string
	servers  []string
	gid      string
	tables   []*draft.Table
	b        draft.Builder
}

func newGenerator(a *Args, f netfilter.Family) *generator {
	g := &generator{Args: a, family: f, lo: a.LoopbackCIDR, pass: "127.0.0.6/32", gid: a.GID, all: strings.TrimSpace(a.OutboundInclude) == "*"}
	if _, err := syntax.Prefix([]byte(g.lo)); err != nil {
		g.lo = "127.0.0.1/32"
	}
	if f == netfilter.IPv6 {
		g.lo, g.pass = "::1/128", "::6/128"
	}
	if g.gid == "" {
		g.gid = a.UID
	}
	g.include, g.exclude = g.networks(a.OutboundInclude), g.networks(a.OutboundExclude)
	for _, list := range split(a.OutboundInclude) {
		p, err := netip.ParsePrefix(list)
		g.loopback = g.loopback || err == nil && p.Addr().IsLoopback()
	}
	for _, s := range a.DNSServers {
		if netfilter.FamilyOf(s.Is6()) == f {
			g.servers = append(g.servers, netip.PrefixFrom(s, s.BitLen()).String())
		}
	}
	return g
}

// networks returns those of a list that are of the generator's family.
func (g *generator) networks(list string) []string {
	var out []string
	for _, s := range split(list) {
		if p, err := netip.ParsePrefix(s); err == nil && netfilter.FamilyOf(p.Addr().Is6()) == g.family {
			out = append(out, s)
		}
	}
	return out
}

// everyQuery reports whether queries are captured wherever they go.
func (g *generator) everyQuery() bool { return g.CaptureAllDNS || len(g.DNSServers) == 0 }

// table begins a table.
func (g *generator) table(name string) {
	g.tables = append(g.tables, draft.New(&netfilter.Table{Name: name, Family: g.family}))
}

// rule adds a rule to a chain; the words are those that Istio gives to iptables.
// An argument that makes no rule makes none.
func (g *generator) rule(chain string, words ...string) { g.place(chain, -1, words) }

// insert puts a rule at a place of a chain, 0-based.
func (g *generator) insert(chain string, at int, words ...string) { g.place(chain, at, words) }

func (g *generator) place(chain string, at int, words []string) {
	var list [][]byte
	for _, group := range words {
		for w := range strings.FieldsSeq(group) {
			list = append(list, []byte(w))
		}
	}
	g.b.Begin(0)
	if g.b.Options(list) != nil {
		g.b.Drop()
		return
	}
	to := g.tables[len(g.tables)-1].Chain(chain)
	r := g.b.End()
	if at < 0 || at >= len(to.Rules) {
		to.Rules = append(to.Rules, r)
		return
	}
	to.Rules = append(to.Rules[:at], append([]netfilter.Rule{r}, to.Rules[at:]...)...)
}
