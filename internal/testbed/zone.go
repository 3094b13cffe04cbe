//go:build linux

package testbed

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// zone answers queries from a table; what is not in it does not exist.
type zone map[string][]dnsmessage.ResourceBody

func addressOf(a netip.Addr) dnsmessage.ResourceBody {
	if a.Is4() {
		return &dnsmessage.AResource{A: a.As4()}
	}
	return &dnsmessage.AAAAResource{AAAA: a.As16()}
}

// answer writes the answer to a query. After an alias come the records of what
// it stands for.
func (z zone) answer(query *dnsmessage.Message) []byte {
	q := query.Questions[0]
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: query.ID, Response: true, RecursionDesired: true, RecursionAvailable: true}, Questions: query.Questions}
	records, known := z[strings.TrimSuffix(q.Name.String(), ".")]
	if !known {
		m.RCode = dnsmessage.RCodeNameError
	}
	owner := q.Name
	for _, body := range records {
		h := dnsmessage.ResourceHeader{Name: owner, Class: dnsmessage.ClassINET, TTL: 30}
		switch body := body.(type) {
		case *dnsmessage.CNAMEResource:
			owner = body.CNAME
		case *dnsmessage.AResource:
			if q.Type != dnsmessage.TypeA {
				continue
			}
		case *dnsmessage.AAAAResource:
			if q.Type != dnsmessage.TypeAAAA {
				continue
			}
		}
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: body})
	}
	out, err := m.Pack()
	if err != nil {
		return nil
	}
	return out
}

// resolver is the cluster's DNS server. It is slow with names that begin with
// slow, loses the first query for those that begin with retry and all for those
// that begin with lost, and cuts answers that are too long for UDP.
func (a *apps) resolver(z zone) dnsHandler {
	heard := &lookups{}
	return func(_ netip.AddrPort, query *dnsmessage.Message, tcp bool) []byte {
		name := query.Questions[0].Name.String()
		before := heard.begin(truth.Lookup{Name: name})
		switch {
		case strings.HasPrefix(name, "lost"), strings.HasPrefix(name, "retry") && !heard.earlier(before):
			return nil
		case strings.HasPrefix(name, "slow"):
			_ = a.Pause(250 * time.Millisecond)
		}
		out := z.answer(query)
		if len(out) > 512 && !tcp {
			cut := dnsmessage.Message{Header: dnsmessage.Header{ID: query.ID, Response: true, Truncated: true, RecursionDesired: true}, Questions: query.Questions}
			out, _ = cut.Pack()
		}
		return out
	}
}

// earlier says whether the question at place i was asked before.
func (l *lookups) earlier(i int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.all[:i], func(q truth.Lookup) bool { return q.Name == l.all[i].Name })
}

// agent stands in for the mesh's: it knows some names itself and passes on what
// it does not know, under the same id, as its own user.
func (a *apps) agent(h *world.Host, uid int, to netip.AddrPort, z zone) dnsHandler {
	return func(from netip.AddrPort, query *dnsmessage.Message, tcp bool) []byte {
		q := query.Questions[0]
		name := strings.TrimSuffix(q.Name.String(), ".")
		if _, known := z[name]; known {
			return z.answer(query)
		}
		up := dnsClient{from: h, uid: uid, to: to, role: "upstream", by: to, patience: time.Second}
		ask := dnsAsk{name: name, typ: q.Type, id: query.ID}
		if tcp {
			packed, err := ask.pack()
			if err != nil {
				return nil
			}
			out, err := a.resolveTCP(up, packed)
			if err != nil {
				return nil
			}
			return out
		}
		up.cause = a.lookups.asked(from, query.ID)
		answers, err := a.resolve(up, ask)
		if err != nil {
			return nil
		}
		return answers[query.ID]
	}
}
