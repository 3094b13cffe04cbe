package mesh

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// pairStreams pairs the requests and responses of a leg that speaks HTTP/2:
// those of one stream are an exchange, and several go on at once.
func pairStreams(x *index, l *workLeg) []exchange {
	es, at := askedOn(x, l)
	s, ms := muxedOf(x, l.conn.reply)
	for _, m := range ms {
		id := s.h2Of(m).stream
		i, ok := at[id]
		if m.is(msgRequest) || ok && es[i].resp != nil {
			continue
		}
		if !ok {
			i = len(es)
			at[id] = i
			es = append(es, exchange{leg: l, floor: l.Start})
		}
		es[i].resp, es[i].respScan = m, s
	}
	slices.SortStableFunc(es, func(a, b exchange) int { return cmp.Compare(a.begun(), b.begun()) })
	for i := range es {
		es[i].no = i
	}
	return es
}

// muxedOf lists the messages of a half, none if it is no HTTP/2: only one side
// may have looked like that.
func muxedOf(x *index, h halfNo) (*scan, []*message) {
	r := x.facts(h)
	if !r.proto.isH2() {
		return nil, nil
	}
	s := x.scanOf(h)
	return s, listMessages(s, r, r.proto)
}

// askedOn lists the requests of a leg, and where each stream's is in the list.
func askedOn(x *index, l *workLeg) (es []exchange, at map[uint32]int) {
	at = make(map[uint32]int)
	s, ms := muxedOf(x, l.conn.orig)
	for _, m := range ms {
		id := s.h2Of(m).stream
		if _, ok := at[id]; !ok && m.is(msgRequest) {
			at[id] = len(es)
			es = append(es, exchange{leg: l, req: m, scan: s, floor: l.Start})
		}
	}
	return es, at
}

// grpc returns what the exchange says as a gRPC call, nil if it is none.
func (e *exchange) grpc() *flow.GRPC {
	g, found := &flow.GRPC{Status: -1}, false
	if q := e.scan.h2Of(e.req); q != nil && q.grpc >= 0 {
		g.Sent, found = int(q.grpc), true
	}
	if q := e.respScan.h2Of(e.resp); q != nil {
		g.Status = int(q.status)
		if q.grpc >= 0 {
			g.Received, found = int(q.grpc), true
		}
	}
	if !found {
		return nil
	}
	return g
}
