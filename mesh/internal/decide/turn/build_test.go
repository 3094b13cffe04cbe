package turn

import (
	"github.com/pcapmesh/pcapmesh/internal/wire/tls"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// over is by how much the fragments of legs made by hand are longer than plaintext:
// those of TLS 1.3 with GCM.
const over = 17

// A say is what one side of a leg puts into one record.
type say struct {
	reply bool
	kind  scan.UnitKind
	n     int  // plaintext bytes; of a record that is no data, bytes of the fragment
	deaf  int  // how many of the last records of the other side have not arrived yet
	lost  bool // it was not captured
}

// asks is a record of data of the client.
func asks(n int) say { return say{kind: scan.UnitData, n: n} }

// answers is a record of data of the server.
func answers(n int) say { return say{reply: true, kind: scan.UnitData, n: n} }

// before returns a say that was sent before the last k records of the other side
// had arrived.
func (s say) before(k int) say { s.deaf = k; return s }

// missing returns a say that was not captured.
func (s say) missing() say { s.lost = true; return s }

// as returns a say in a record of another type.
func (s say) as(kind uint8) say { s.kind = scan.UnitKind(kind); return s }

// moment is when the i-th record of a leg begins; it takes lasting.
func moment(i int) int64 { return int64(i+1) * 1000 }

const lasting = 10

// instant is the moment of a packet.
func instant(at int64, ack uint32) scan.Instant { return scan.Instant{Nanos: at, Ack: ack} }

// beginsAt and endsAt return when a message begins and is over.
func beginsAt(m *scan.Message) int64 { return m.From.Nanos }

func endsAt(m *scan.Message) int64 { return m.To.Nanos }

// message returns a message of [from, to) that lasts from one time to another.
func message(from, to, begin, end int64) *scan.Message {
	return &scan.Message{Start: from, Before: from, HeadEnd: from, End: to, From: instant(begin, 0), To: instant(end, 0)}
}

// spoken returns the leg on which a dialogue took place, a record after the other.
// All records of data are data, and none of the handshake.
func spoken(says ...say) *Leg {
	sides := [2]*Side{{Over: over}, {Over: over}}
	var ends [2][]int64 // of the records of each side
	for i, s := range says {
		me, other := 0, 1
		if s.reply {
			me, other = 1, 0
		}
		heard := int64(0)
		if k := len(ends[other]) - s.deaf; k > 0 {
			heard = ends[other][k-1]
		}
		sides[me].put(s, moment(i), uint32(heard))
		ends[me] = append(ends[me], sides[me].end)
	}
	v := &Leg{Leg: &graph.Leg{Leg: &flow.Leg{Protocol: flow.ProtocolTLS}}, Orig: sides[0], Reply: sides[1], sure: -1}
	for _, s := range sides {
		s.endData()
		s.Starts = []int64{s.after(0)}
	}
	return v
}

// put adds a record, or its bytes to a hole.
func (s *Side) put(r say, at int64, ack uint32) {
	u := &scan.Unit{Off: s.end, Len: int32(r.n), At: instant(at, ack), Until: at + lasting, Kind: r.kind}
	if r.kind == scan.UnitData {
		u.Len += over
	}
	s.end += tls.HeaderLen + int64(u.Len)
	if r.lost {
		if k := len(s.units) - 1; k >= 0 && s.units[k].Kind == scan.UnitHole {
			s.units[k].Len = int32(s.end - s.units[k].Off)
			return
		}
		u.Kind, u.Len = scan.UnitHole, int32(s.end-u.Off)
	}
	s.units = append(s.units, u)
	if u.Kind == scan.UnitData {
		s.Data = append(s.Data, u)
	}
}

// wire returns how many bytes of the stream records with so much plaintext take.
func wire(lengths ...int64) (n int64) {
	for _, k := range lengths {
		n += tls.HeaderLen + over + k
	}
	return n
}
