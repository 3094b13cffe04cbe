package logged

import (
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// A logEntry is a log line and the exchanges it may be of, on either side of the
// proxy. Where the exchanges of a leg cannot be read, or not be told apart, the
// leg stands for them.
type logEntry struct {
	*graph.NamedLine
	downs, ups []*graph.Exchange // the likeliest first
	whole      bool              // of a connection rather than of an exchange
}

// A side is one of the two sides of a proxy.
type side int

const (
	downstream side = iota
	upstream
)

// leg returns the leg that the line names on a side; nil if it was not captured.
func (e *logEntry) leg(on side) *graph.Leg {
	if on == downstream {
		return e.Down
	}
	return e.Up
}

// may returns the exchanges that the line may be of on a side.
func (e *logEntry) may(on side) []*graph.Exchange {
	if on == downstream {
		return e.downs
	}
	return e.ups
}

// tell notes the exchanges that the line may be of on a side, the likeliest first.
func (e *logEntry) tell(on side, xs []*graph.Exchange) {
	if on == downstream {
		e.downs, e.Down = xs, xs[0].Leg
	} else {
		e.ups, e.Up = xs, xs[0].Leg
	}
}

// fits reports whether the line may be of exchange x on a side.
func (e *logEntry) fits(on side, x *graph.Exchange) bool {
	if on == downstream {
		return e.fitsDown(x)
	}
	return e.fitsUp(x)
}

// tcp reports whether the line is of a connection rather than of an exchange: it says
// so, or the proxy forwards its legs as bytes.
func (e *logEntry) tcp() bool { return e.whole || e.Line.TCP() }

// from reports whether d is of the client whose address the line has.
func (e *logEntry) from(d *graph.Exchange) bool {
	client := e.DownstreamRemote.Addr()
	if d.Leg.Orig.Src.Addr() == client {
		return true
	}
	if d.Req == nil || d.Req.Forwarded.Len() == 0 {
		return false
	}
	for s := range strings.SplitSeq(d.Scan.Text.String(d.Req.Forwarded), ",") {
		if crossing.IsAddr(s, client) {
			return true
		}
	}
	return false
}

// fitsDown reports whether the line may be of exchange x of the client's leg: what
// it says of the request is what the client sent.
func (e *logEntry) fitsDown(x *graph.Exchange) bool {
	if !e.overlaps(x) {
		return false
	}
	if x.Outline != nil {
		return e.roomIn(x)
	}
	if x.Req != nil && x.Req.HasLine() && e.Method != "" && (x.Method() != e.Method || !samePath(e.Path, x.Target())) {
		return false
	}
	return !x.KnowsStatus() || e.Status == 0 || x.Status() == e.Status
}

// fitsUp tells the same of the leg behind the proxy, which may have changed the
// request's target but not its id, unless the attempt is one that failed.
func (e *logEntry) fitsUp(x *graph.Exchange) bool {
	if !e.overlaps(x) {
		return false
	}
	if x.Outline != nil {
		return e.roomIn(x)
	}
	if id := x.ID(); id != "" && e.RequestID != "" && id != e.RequestID {
		return false
	}
	if x.Req != nil && x.Req.HasLine() && e.Method != "" && x.Method() != e.Method {
		return false
	}
	return !x.KnowsStatus() || e.Status == 0 || x.Status() == e.Status
}

func (e *logEntry) sameID(x *graph.Exchange) bool { return e.RequestID != "" && x.ID() == e.RequestID }

// overlaps reports whether the line may be of the exchange, by time. Its beginning
// may be earlier than the request, if the proxy counts from when it began to wait;
// then its end may be early too. It may be later, if the proxy was busy.
func (e *logEntry) overlaps(x *graph.Exchange) bool {
	if e.Start == 0 {
		return true
	}
	late := x.End()
	if x.Resp != nil {
		late = x.Resp.From.Nanos
	}
	end, ok := e.Ends()
	return e.Start <= late+recorded.LogSlack && (!ok || end+e.Resolution+recorded.LogSlack >= x.Start())
}

// distance returns how far apart the times of the line and of the exchange are:
// both beginnings and both ends.
func (e *logEntry) distance(x *graph.Exchange) int64 {
	if e.Start == 0 {
		return 0
	}
	far := func(a, b int64) int64 { return max(a-b-e.Resolution, b-a-e.Resolution, 0) }
	d := far(e.Start, x.KnownBy())
	if end, ok := e.Ends(); ok {
		d += far(end, x.End())
	}
	return d
}

// apart returns how far apart the beginnings of the line and of the exchange are, or
// the ends, if these are nearer: an exchange may wait for a connection, and an
// answer for its reader.
func (e *logEntry) apart(x *graph.Exchange) int64 {
	if e.Start == 0 {
		return 0
	}
	far := func(a, b int64) int64 { return max(a-b-e.Resolution, b-a-e.Resolution, 0) }
	d := far(e.Start, x.KnownBy())
	if end, ok := e.Ends(); ok {
		d = min(d, far(end, x.End()))
	}
	return d
}

// roomIn reports whether the messages of an exchange that cannot be read are long
// enough for the bodies that the line counts.
func (e *logEntry) roomIn(x *graph.Exchange) bool {
	room := func(n scan.Sizes, body int64) bool {
		return len(n) == 0 || slices.ContainsFunc(n, func(k int64) bool { return k >= body })
	}
	return room(x.Outline.Req, e.BytesReceived) && room(x.Outline.Resp, e.BytesSent)
}

// samePath reports whether a logged path is that of a request target, which may
// be in absolute form (RFC 9112 §3.2.2). Formats may leave the query out.
func samePath(path, target string) bool {
	if path == "" || path == target {
		return true
	}
	if _, rest, ok := strings.Cut(target, "://"); ok {
		target = "/"
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			target = rest[i:]
		}
	}
	bare, _, _ := strings.Cut(target, "?")
	return path == target || path == bare
}

// settle leaves of the exchanges that the line may be of those that go together:
// cause before effect.
func (e *logEntry) settle() {
	if len(e.downs) == 0 || len(e.ups) == 0 {
		return
	}
	e.downs = slices.DeleteFunc(slices.Clone(e.downs), func(d *graph.Exchange) bool {
		return len(e.downs) > 1 && !slices.ContainsFunc(e.ups, func(u *graph.Exchange) bool { return mayCause(d, u) })
	})
	with := func(may func(d, u *graph.Exchange) bool) []*graph.Exchange {
		return slices.DeleteFunc(slices.Clone(e.ups), func(u *graph.Exchange) bool {
			return !slices.ContainsFunc(e.downs, func(d *graph.Exchange) bool { return may(d, u) })
		})
	}
	if len(e.ups) > 1 {
		e.ups = with(mayCause)
	}
	if last := with(graph.Final); len(last) > 0 { // the line names the last attempt
		e.ups = last
	}
}
