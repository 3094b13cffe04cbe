//go:build linux

package app

import (
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// Zone answers queries from a table; what is not in it does not exist.
type Zone map[string][]dnsmessage.ResourceBody

// AddressOf is the body of an A or AAAA record.
func AddressOf(a netip.Addr) dnsmessage.ResourceBody {
	if a.Is4() {
		return &dnsmessage.AResource{A: a.As4()}
	}
	return &dnsmessage.AAAAResource{AAAA: a.As16()}
}

// answer writes the answer to a query. After an alias come the records of what
// it stands for.
func (z Zone) answer(query *dnsmessage.Message) []byte {
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

// Resolver is the cluster's DNS server. It is slow with names that begin with
// slow, loses the first query for those that begin with retry and all for those
// that begin with lost, and cuts answers that are too long for UDP.
func (a *Apps) Resolver(z Zone) DNSHandler {
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

// Agent stands in for the mesh's: it knows some names itself and passes on what
// it does not know, under the same id, as its own user.
func (a *Apps) Agent(h *world.Host, uid int, to netip.AddrPort, z Zone) DNSHandler {
	return func(from netip.AddrPort, query *dnsmessage.Message, tcp bool) []byte {
		q := query.Questions[0]
		name := strings.TrimSuffix(q.Name.String(), ".")
		if _, known := z[name]; known {
			return z.answer(query)
		}
		up := DNSClient{From: h, UID: uid, To: to, Role: "upstream", By: to, Patience: time.Second}
		ask := DNSAsk{Name: name, Typ: q.Type, ID: query.ID}
		if tcp {
			packed, err := ask.Pack()
			if err != nil {
				return nil
			}
			out, err := a.ResolveTCP(up, packed)
			if err != nil {
				return nil
			}
			return out
		}
		up.cause = a.lookups.asked(from, query.ID)
		answers, err := a.Resolve(up, ask)
		if err != nil {
			return nil
		}
		return answers[query.ID]
	}
}
