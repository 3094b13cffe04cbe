package recorded

import (
	"math"
	"net/netip"

	"github.com/cespare/xxhash/v2"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// touched is what the captures show, as hashes: enough to pass over records of
// other connections.
type touched struct {
	tuples, ends map[uint64]struct{}
	inbound      map[uint16]bool // ports to which proxies have clients redirected
	from, to     int64
}

func newTouched(x *index.Index, redirects []*Rules) *touched {
	t := &touched{make(map[uint64]struct{}), make(map[uint64]struct{}), make(map[uint16]bool), math.MaxInt64, math.MinInt64}
	for _, p := range profile.All() {
		t.redirect(p.InboundPorts)
	}
	for _, i := range redirects {
		t.redirect(i.InboundPorts)
	}
	for h := range x.Halves {
		half := x.Half(h)
		k := half.Key.Tuple()
		t.tuples[hashTuple(k)] = struct{}{}
		t.ends[hashEnd(k.Src)], t.ends[hashEnd(k.Dst)] = struct{}{}, struct{}{}
		t.from, t.to = min(t.from, int64(half.FirstTime)), max(t.to, int64(half.LastTime))
	}
	for _, g := range x.Groups {
		for i := range uint32(g.DNS.Messages.Len()) {
			t.tuples[hashTuple(g.DNS.Messages.At(i).Tuple())] = struct{}{}
		}
	}
	return t
}

func (t *touched) redirect(ports []uint16) {
	for _, p := range ports {
		t.inbound[p] = true
	}
}

func hashEnd(a netip.AddrPort) uint64 {
	var b [18]byte
	ip := a.Addr().As16()
	copy(b[:], ip[:])
	b[16], b[17] = byte(a.Port()>>8), byte(a.Port())
	return xxhash.Sum64(b[:])
}

func hashTuple(t tcpip.Tuple) uint64 {
	return hashEnd(t.Src)*31 + hashEnd(t.Dst) + uint64(t.Proto)
}

func (t *touched) tuple(k tcpip.Tuple) bool {
	_, ok := t.tuples[hashTuple(k)]
	return ok
}

func (t *touched) end(a netip.AddrPort) bool {
	_, ok := t.ends[hashEnd(a)]
	return ok && a.IsValid()
}
