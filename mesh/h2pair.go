package mesh

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// pairStreams pairs the requests and responses of a leg that speaks HTTP/2:
// those of one stream are an exchange, and several go on at once.
func pairStreams(x *index.Index, l *workLeg) []exchange {
	es, at := askedOn(x, l)
	s, ms := muxedOf(x, l.conn.Reply)
	for _, m := range ms {
		id := s.H2Of(m).Stream
		i, ok := at[id]
		if m.Is(scan.MsgRequest) || ok && es[i].resp != nil {
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
func muxedOf(x *index.Index, h index.HalfNo) (*scan.Scan, []*scan.Message) {
	r := x.Content(h)
	if !r.Proto.IsH2() {
		return nil, nil
	}
	s := x.ScanOf(h)
	return s, scan.ListMessages(s, r, r.Proto)
}

// askedOn lists the requests of a leg, and where each stream's is in the list.
func askedOn(x *index.Index, l *workLeg) (es []exchange, at map[uint32]int) {
	at = make(map[uint32]int)
	s, ms := muxedOf(x, l.conn.Orig)
	for _, m := range ms {
		id := s.H2Of(m).Stream
		if _, ok := at[id]; !ok && m.Is(scan.MsgRequest) {
			at[id] = len(es)
			es = append(es, exchange{leg: l, req: m, scan: s, floor: l.Start})
		}
	}
	return es, at
}

// grpc returns what the exchange says as a gRPC call, nil if it is none.
func (e *exchange) grpc() *flow.GRPC {
	g, found := &flow.GRPC{Status: -1}, false
	if q := e.scan.H2Of(e.req); q != nil && q.GRPC >= 0 {
		g.Sent, found = int(q.GRPC), true
	}
	if q := e.respScan.H2Of(e.resp); q != nil {
		g.Status = int(q.Status)
		if q.GRPC >= 0 {
			g.Received, found = int(q.GRPC), true
		}
	}
	if !found {
		return nil
	}
	return g
}
