package decide

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/dns"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/names"
)

// collector collects what addresses are called. The zero value is empty and ready
// to use.
type collector struct {
	votes map[netip.Addr][]vote // in the order in which they were first heard
}

// A vote is one name for an address.
type vote struct {
	name   string
	count  int
	source names.Source
}

// maxNames is how many names are heard for one address: a gateway may have
// thousands, and then none is its name more than others.
const maxNames = 64

// add hears a name for an address, count times, in the order of time. A trailing dot, case and a port do not count; what is no host name is
// not heard.
func (n *collector) add(addr netip.Addr, name string, source names.Source, count int) {
	name = hostName(name)
	if name == "" || !addr.IsValid() || addr.IsUnspecified() || addr.IsLoopback() {
		return
	}
	vs := n.votes[addr]
	for i := range vs {
		if vs[i].name == name {
			vs[i].count += count
			vs[i].source = min(vs[i].source, source)
			return
		}
	}
	if len(vs) == maxNames {
		return
	}
	if n.votes == nil {
		n.votes = make(map[netip.Addr][]vote)
	}
	n.votes[addr] = append(vs, vote{name, count, source})
}

// of returns the name of an address: the most frequent one, of equals the one
// heard first. ok is false when there is none.
func (n *collector) of(addr netip.Addr) (name names.Learned, ok bool) {
	best := vote{}
	for _, v := range n.votes[addr] {
		if v.count > best.count {
			best = v
		}
	}
	return names.Learned{Addr: addr, Name: best.name, Source: best.source}, best.count > 0
}

// all returns the names of all addresses, ordered by address.
func (n *collector) all() []names.Learned {
	var out []names.Learned
	for addr := range n.votes {
		if name, ok := n.of(addr); ok {
			out = append(out, name)
		}
	}
	slices.SortFunc(out, func(a, b names.Learned) int { return a.Addr.Compare(b.Addr) })
	return out
}

// hostName returns s as a host name in lower case without port and last dot, ""
// when it is none: an address, or text that no resolver would take. Names come
// from strangers and end up on terminals.
func hostName(s string) string {
	if _, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return ""
	}
	if host, port, ok := strings.Cut(s, ":"); ok {
		if strings.Trim(port, "0123456789") != "" {
			return ""
		}
		s = host
	}
	s = strings.ToLower(strings.TrimSuffix(s, "."))
	if len(s) == 0 || len(s) > 253 { // RFC 1035 §2.3.4
		return ""
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return ""
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return ""
		}
	}
	return s
}

// serverName returns the host in a server name of TLS. Between proxies of Istio
// it is written outbound_.PORT_.SUBSET_.HOST.
func serverName(sni string) string {
	rest, ok := strings.CutPrefix(sni, "outbound_.")
	if at := strings.LastIndex(rest, "_."); ok && at >= 0 {
		return rest[at+len("_."):]
	}
	return sni
}

// learnNames hears everything that names an address.
func learnNames(x *index.Index, lookups []*dns.Lookup, legs []*graph.Leg, logs *graph.Ledger) []names.Learned {
	var n collector
	n.hearLookups(lookups)
	n.hearLegs(x, legs)
	n.hearLog(logs)
	return n.all()
}

// hearLog hears the clusters of a log: what was dialled from inside, and the server
// that was chosen, are called after the service.
func (n *collector) hearLog(g *graph.Ledger) {
	for _, l := range g.Lines {
		c, ok := accesslog.ParseCluster(l.Cluster)
		if !l.Said || !ok || c.Host == "" || c.Direction != "outbound" {
			continue
		}
		n.add(l.DownstreamLocal.Addr(), c.Host, names.FromLog, 1)
		n.add(l.UpstreamHost.Addr(), c.Host, names.FromLog, 1)
	}
}

// hearLookups hears the answers of all lookups: every address is called what
// was asked for, not what a chain of CNAMEs leads to.
func (n *collector) hearLookups(lookups []*dns.Lookup) {
	for _, l := range lookups {
		for _, r := range l.Records {
			if r.Addr.IsValid() {
				n.add(r.Addr, l.Name, names.FromDNS, 1)
			}
		}
	}
}

// hearLegs hears what clients called the servers that they dialled.
func (n *collector) hearLegs(x *index.Index, legs []*graph.Leg) {
	byStart := slices.SortedStableFunc(slices.Values(legs), func(a, b *graph.Leg) int { return cmp.Compare(a.Start, b.Start) })
	for _, l := range index.Each(x, byStart) {
		if l.TLS.SNI != "" {
			n.add(l.Orig.Dst.Addr(), serverName(l.TLS.SNI), names.FromSNI, 1)
		}
		n.hearHosts(l)
	}
}

// hearHosts hears the hosts of a leg's requests, which are nearly always one.
func (n *collector) hearHosts(l *graph.Leg) {
	var host []byte
	count := 0
	for i := range l.Exchanges {
		e := &l.Exchanges[i]
		if e.Req == nil {
			continue
		}
		if next := e.Scan.Text.Bytes(e.Req.Host); !bytes.Equal(next, host) {
			n.add(l.Orig.Dst.Addr(), string(host), names.FromHost, count)
			host, count = next, 0
		}
		count++
	}
	n.add(l.Orig.Dst.Addr(), string(host), names.FromHost, count)
}
