package crossing

import (
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// LegNests reports whether leg u may have been opened or used on behalf of leg
// d, by the times of their SYNs and of what the application said alone. A TLS
// handshake, and the alert that ends TLS, the proxy exchanges with its server by
// itself: earlier than its client says anything, and later than it is answered.
// It may have dialled u before, too, for another client that it served otherwise
// then; only what never carried anything was dialled for d.
func LegNests(x *index.Index, d, u *graph.Leg) bool {
	return graph.MayServe(d, u) && together(d, u) && (dialledAfter(d, u) || !u.Empty()) &&
		(asksAfter(x, d, u) || asksSealed(x, d, u)) && (answersBefore(x, d, u) || answersSealed(x, d, u))
}

// bytesNest tells the same of two legs that carry the very same bytes, where nothing
// but times speaks for them: one TLS connection goes through both, whose handshake is
// not the proxy's.
func bytesNest(x *index.Index, d, u *graph.Leg) bool {
	return graph.MayServe(d, u) && together(d, u) && dialledAfter(d, u) && asksAfter(x, d, u) && answersBefore(x, d, u)
}

// together reports whether u was open while d was.
func together(d, u *graph.Leg) bool {
	return u.Start <= d.End+index.Causality && d.Start <= u.End+index.Causality
}

// dialledAfter reports whether u was opened when d was, or later, as far as that is
// known.
func dialledAfter(d, u *graph.Leg) bool {
	return u.Midstream || d.Midstream || u.Start >= d.Start-index.Causality
}

// asksAfter reports whether what the proxy sent on u it may have been sent on d.
func asksAfter(x *index.Index, d, u *graph.Leg) bool {
	du, uu := x.Content(d.Conn.Orig), x.Content(u.Conn.Orig)
	switch {
	case uu.Proto == scan.ProtoNone:
		return true
	case du.Proto == scan.ProtoNone:
		return d.Conn.Orig == 0 // it was not captured
	}
	return u.Midstream || du.Late || uu.Data.Nanos >= du.Data.Nanos-index.Causality
}

// answersBefore reports whether what the proxy answered on d it may have been answered
// on u.
func answersBefore(x *index.Index, d, u *graph.Leg) bool {
	dr, ur := x.Content(d.Conn.Reply), x.Content(u.Conn.Reply)
	if dr.Proto == scan.ProtoNone || ur.Proto == scan.ProtoNone || d.Midstream {
		return true
	}
	// The first bytes of an encrypted answer are the proxy's own handshake.
	begins := !d.Readable() || !u.Readable() || ur.Late || dr.Data.Nanos >= ur.Data.Nanos-index.Causality
	ends := dr.Open || dr.Ragged || dr.LastNanos >= ur.LastNanos-index.Causality
	return begins && ends
}

// How many records of application type may be handshake in TLS 1.3: the flight of a
// client, and that of a server with session tickets after it, each message in a record
// of its own.
const (
	mostOfClient = 5
	mostOfServer = 9
)

// mostNotice is how long the fragment of a record is at the most that is an alert or
// a change of keys in TLS 1.3: type and tag, header and request (RFC 8446 §4.6.3).
const mostNotice = 1 + 16 + 4 + 1

// asksSealed reports whether the first byte of the application that the proxy sent on
// u, which is TLS, may be later than the first it was sent on d. Of what d sends all
// may be the application's: its own TLS.
func asksSealed(x *index.Index, d, u *graph.Leg) bool {
	if x.TLS(u.Conn.Orig) == nil {
		return false
	}
	data := dataOf(x, u, u.Conn.Orig)
	first := handshakes(u, mostOfClient)
	if len(data) <= first { // nothing is sure to be the application's
		return true
	}
	du := x.Content(d.Conn.Orig)
	return du.Proto != scan.ProtoNone && data[first].At.Nanos >= du.Data.Nanos-index.Causality
}

// answersSealed reports whether what the application answered on u, which is TLS, may
// be earlier than the last that the proxy answered on d.
func answersSealed(x *index.Index, d, u *graph.Leg) bool {
	if x.TLS(u.Conn.Reply) == nil {
		return false
	}
	data := dataOf(x, u, u.Conn.Reply)
	if len(data) <= handshakes(u, mostOfServer) {
		return true
	}
	return x.Content(d.Conn.Reply).LastNanos >= data[len(data)-1].Until-index.Causality
}

// dataOf lists the records of half h of a TLS leg that carry data or, in TLS 1.3, may
// be handshake; not those that may be an alert or a change of keys.
func dataOf(x *index.Index, l *graph.Leg, h index.HalfNo) []*scan.Unit {
	var data []*scan.Unit
	for _, u := range x.UnitsOf(h) {
		if u.Kind == scan.UnitData && (clearTypes(l) || u.Len > mostNotice) {
			data = append(data, u)
		}
	}
	return data
}

// handshakes returns how many records of application type may be handshake.
func handshakes(l *graph.Leg, most int) int {
	if clearTypes(l) {
		return 0
	}
	return most
}

// clearTypes reports whether records of a TLS leg tell what they are, as before
// TLS 1.3.
func clearTypes(l *graph.Leg) bool {
	switch l.TLS.Version {
	case "1.0", "1.1", "1.2":
		return true
	}
	return false
}
