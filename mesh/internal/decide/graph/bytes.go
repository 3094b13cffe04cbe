package graph

import "github.com/pcapmesh/pcapmesh/mesh/internal/index"

// Empty reports whether a leg carried no byte.
func (l *Leg) Empty() bool { return l.Sent()+l.Received() == 0 }

// Sent returns how many bytes of the originator were seen, decrypted if the leg
// is.
func (l *Leg) Sent() int64 {
	if p := l.plain[0]; p != nil {
		return p.Len
	}
	return l.OrigBytes
}

// Received returns the same of the other side.
func (l *Leg) Received() int64 {
	if p := l.plain[1]; p != nil {
		return p.Len
	}
	return l.ReplyBytes
}

// retrySYN is after how long a SYN without an answer is sent again (RFC 6298 §2), in
// nanoseconds: a capture that goes on for that long would have the answer.
const retrySYN = int64(1e9)

// Refused reports whether the server never accepted the connection. Without its SYN
// what was dialled and never used cannot be told from that.
func (l *Leg) Refused(x *index.Index) bool {
	if l.Conn.Orig == 0 || !x.Half(l.Conn.Orig).SYN {
		return false
	}
	if l.Conn.Reply == 0 {
		return l.WatchedFor().To-int64(l.Start) >= retrySYN
	}
	h := x.Half(l.Conn.Reply)
	return h.RST && !h.SYN && h.Bytes == 0 && !l.Midstream
}
