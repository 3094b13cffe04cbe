package crossing

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// A gateway appends the address of its client to x-forwarded-for, or sets it
// (Envoy's use_remote_address); a sidecar leaves it as it is. So that field tells
// whose request one behind the proxy is, as far as clients have different
// addresses.

// forwardedTo tells what the request behind the proxy says of the client that
// sent it to the proxy.
type forwardedTo uint8

const (
	forwardedUnknown forwardedTo = iota // nothing
	forwardedOther                      // it came from someone else
	forwardedFrom                       // it came from this client, or was passed on as it was
)

// forwards compares x-forwarded-for on both sides of the proxy.
func forwards(d, u *graph.Exchange) forwardedTo {
	if d.Req == nil || u.Req == nil || u.Req.Forwarded.Len() == 0 || !d.Req.HasLine() || d.Req.Is(scan.MsgPartial) {
		return forwardedUnknown
	}
	before, after := "", u.Scan.Text.String(u.Req.Forwarded)
	if d.Req.Forwarded.Len() > 0 {
		before = d.Scan.Text.String(d.Req.Forwarded)
	}
	client := d.Leg.Orig.Src.Addr()
	if before == after || IsAddr(after, client) {
		return forwardedFrom
	}
	if rest, ok := strings.CutPrefix(after, before); ok && IsAddr(strings.TrimLeft(rest, ", "), client) {
		return forwardedFrom
	}
	return forwardedOther
}

// IsAddr reports whether s is address a.
func IsAddr(s string, a netip.Addr) bool {
	b, err := netip.ParseAddr(strings.TrimSpace(s))
	return err == nil && b.Unmap() == a
}

// dropForwarded drops candidates with other clients than the one that
// x-forwarded-for names, where it names one of them.
func dropForwarded(s *shelf, u *graph.Exchange, cs []candidate) []candidate {
	said := func(k candidate) forwardedTo { return forwards(s.all[k.d], u) }
	if !slices.ContainsFunc(cs, func(k candidate) bool { return said(k) == forwardedFrom }) {
		return cs
	}
	return slices.DeleteFunc(cs, func(k candidate) bool { return said(k) == forwardedOther })
}

// onlyClient reports whether u names the client of d, and no other connection of
// that client was open then: so it proves that nothing else fits, even if not all
// was captured.
func (c *Crossing) onlyClient(d, u *graph.Exchange) bool {
	if u.Req == nil || u.Req.Forwarded.Len() == 0 || forwards(d, u) != forwardedFrom {
		return false
	}
	client := d.Leg.Orig.Src.Addr()
	if list := u.Scan.Text.String(u.Req.Forwarded); !IsAddr(list[strings.LastIndexByte(list, ',')+1:], client) {
		return false
	}
	for _, l := range c.Down {
		if l != d.Leg && l.Orig.Src.Addr() == client && int64(l.Start) <= u.KnownBy()+index.Causality && int64(l.End) >= u.Start()-index.Causality {
			return false
		}
	}
	return true
}
