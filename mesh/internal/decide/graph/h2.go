package graph

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// PairStreams pairs the requests and responses of a leg that speaks HTTP/2:
// those of one stream are an exchange, and several go on at once.
func PairStreams(x *index.Index, l *Leg) []Exchange {
	es, at := askedOn(x, l)
	s, ms := muxedOf(x, l.Conn.Reply)
	for _, m := range ms {
		id := s.H2Of(m).Stream
		i, ok := at[id]
		if m.Is(scan.MsgRequest) || ok && es[i].Resp != nil {
			continue
		}
		if !ok {
			i = len(es)
			at[id] = i
			es = append(es, Exchange{Leg: l, Floor: int64(l.Start)})
		}
		es[i].Resp, es[i].RespScan = m, s
	}
	slices.SortStableFunc(es, func(a, b Exchange) int { return cmp.Compare(a.KnownBy(), b.KnownBy()) })
	for i := range es {
		es[i].No = i
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
func askedOn(x *index.Index, l *Leg) (es []Exchange, at map[uint32]int) {
	at = make(map[uint32]int)
	s, ms := muxedOf(x, l.Conn.Orig)
	for _, m := range ms {
		id := s.H2Of(m).Stream
		if _, ok := at[id]; !ok && m.Is(scan.MsgRequest) {
			at[id] = len(es)
			es = append(es, Exchange{Leg: l, Req: m, Scan: s, Floor: int64(l.Start)})
		}
	}
	return es, at
}

// GRPC returns what the exchange says as a gRPC call, nil if it is none.
func (e *Exchange) GRPC() *flow.GRPC {
	g, found := &flow.GRPC{Status: -1}, false
	if q := e.Scan.H2Of(e.Req); q != nil && q.GRPC >= 0 {
		g.Sent, found = int(q.GRPC), true
	}
	if q := e.RespScan.H2Of(e.Resp); q != nil {
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
