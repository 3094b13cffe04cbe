package graph

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// Watch looks at legs from a pod: of those that several pods saw, times are what that
// pod saw, and so is all else if nothing of it is missing there. What happens at a proxy
// is judged by its own pod's clock and at its own place, not at the other end of a
// network. An exchange stays the same whoever looks at it. With pod "" every leg is
// looked at where it is seen best.
func Watch(x *index.Index, legs []*Leg, pod string) {
	for _, l := range legs {
		if len(l.others) == 0 {
			continue
		}
		if l.best == nil {
			l.best = l.Conn
		}
		if c := l.seenFrom(x, pod); c != l.watched() {
			l.watch(x, c)
		}
	}
}

// watched returns the observation that the leg's times are of.
func (l *Leg) watched() *conn.Conn {
	if l.from != nil {
		return l.from
	}
	return l.Conn
}

// seenFrom returns the best observation of l in a pod, or the best of all if it was not
// seen there or pod is "".
func (l *Leg) seenFrom(x *index.Index, pod string) *conn.Conn {
	var own *conn.Conn
	for c := range l.Sightings {
		if c.Pod == pod && l.best.Pod != pod && (own == nil || fullness(x, c) > fullness(x, own)) {
			own = c
		}
	}
	if own == nil {
		return l.best
	}
	return own
}

// watch makes c the observation that l is looked at by.
func (l *Leg) watch(x *index.Index, c *conn.Conn) {
	l.Start, l.End, l.from = capture.Time(c.Start), capture.Time(c.End), c
	orig, reply := newSchedule(x, l.best.Orig, c.Orig), newSchedule(x, l.best.Reply, c.Reply)
	for _, es := range [][]Exchange{l.Exchanges, l.Hidden, l.Streams} {
		l.retime(es, orig, reply)
	}
	if alike(x, l.best.Orig, c.Orig) && alike(x, l.best.Reply, c.Reply) {
		l.swap(c)
	} else {
		l.swap(l.best)
	}
}

// alike reports whether half c shows all that half best shows, at the same offsets.
func alike(x *index.Index, best, c index.HalfNo) bool {
	if best == 0 || c == 0 {
		return best == 0
	}
	p, q := x.Half(best), x.Half(c)
	return p.Base == q.Base && q.Bytes >= p.Bytes && q.Missing <= p.Missing
}

// swap makes c, one of the leg's observations, the one that is used.
func (l *Leg) swap(c *conn.Conn) {
	if i := slices.Index(l.others, c); i >= 0 {
		l.Conn, l.others[i] = c, l.Conn
	}
}

// retime gives exchanges the times at which another observation saw their messages.
// Those that it did not see keep the times that they have.
func (l *Leg) retime(es []Exchange, orig, reply *schedule) {
	for i := range es {
		e := &es[i]
		req, resp := e.Req, e.Resp
		e.Req, e.Resp = orig.of(req), reply.of(resp)
		if e.Outline != nil {
			o := *e.Outline
			o.ReqAt, o.RespAt = moved(o.ReqAt, req, e.Req), moved(o.RespAt, resp, e.Resp)
			e.Outline = &o
		}
		if e.Floor = int64(l.Start); i > 0 && !l.Multiplexed() {
			e.Floor = es[i-1].End()
		}
	}
}

// moved returns the times at which a message may have begun, after it got others.
func moved(at []int64, before, after *scan.Message) []int64 {
	if len(at) == 0 || before == nil {
		return at
	}
	out := slices.Clone(at)
	for i := range out {
		out[i] += after.From.Nanos - before.From.Nanos
	}
	return out
}

// A schedule is when the bytes of a half went by at another place.
type schedule struct {
	shift  int64 // from stream offsets of the one half to those of the other
	starts map[int64]scan.Instant
	ends   map[int64]scan.Instant
}

// newSchedule returns when half to saw what half from has; nil if one was not captured.
func newSchedule(x *index.Index, from, to index.HalfNo) *schedule {
	if from == 0 || to == 0 {
		return nil
	}
	s := &schedule{shift: int64(int32(x.Half(from).Base - x.Half(to).Base)), starts: make(map[int64]scan.Instant), ends: make(map[int64]scan.Instant)}
	r := x.Content(to)
	for _, m := range scan.ListMessages(x.ScanOf(to), r, r.Proto) {
		if s.starts[m.Start] = m.From; m.Is(scan.MsgComplete) && r.Lost == 0 { // else what is lost may be its end
			s.ends[m.End] = m.To
		}
	}
	if len(s.starts) > 0 {
		return s
	}
	us := x.UnitsOf(to)
	for i, u := range us {
		s.starts[u.Off] = u.At
		end := u.At
		end.Nanos = u.Until
		if i+1 < len(us) {
			s.ends[us[i+1].Off] = end
		} else {
			s.ends[x.Length(to)] = end
		}
	}
	return s
}

// of returns m with the times of the schedule.
func (s *schedule) of(m *scan.Message) *scan.Message {
	if s == nil || m == nil {
		return m
	}
	from, began := s.starts[m.Start+s.shift]
	to, ended := s.ends[m.End+s.shift]
	if !began || !ended {
		return m
	}
	seen := *m
	seen.From, seen.To = from, to
	return &seen
}
