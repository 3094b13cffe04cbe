package judge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// halfFlows checks that every torn connection has got both of its halves, and
// no other's. It returns how many there were.
func (j *judge) halfFlows() (n int, bad []string) {
	for i := range j.truth.Legs {
		w := &j.truth.Legs[i]
		if !w.HalfFlow {
			continue
		}
		n++
		if l := j.m.ours[w.ID]; l == nil {
			bad = append(bad, fmt.Sprintf("%s %s > %s: not found", w.ID, w.OrigSrc, w.OrigDst))
		} else if s := halves(w, l); s != "" {
			bad = append(bad, fmt.Sprintf("%s %s > %s: %s", w.ID, w.OrigSrc, w.OrigDst, s))
		}
	}
	return n, bad
}

// halves says what is wrong with the halves of a leg; "" for nothing.
func halves(w *truth.Leg, l *flow.Leg) string {
	src := w.OrigSrc
	if w.RequestSrc != "" {
		src = w.RequestSrc
	}
	asked := slices.ContainsFunc(l.Captured, func(t tcpip.Tuple) bool {
		return t.Src.String() == src && t.Dst.String() == w.ReplySrc
	})
	answered := slices.ContainsFunc(l.Captured, func(t tcpip.Tuple) bool {
		return t.Src.String() == w.OrigDst && t.Dst.String() == w.OrigSrc
	})
	switch {
	case w.Lost == "request" && answered, w.Lost == "reply" && asked:
		return ""
	case !asked && l.OrigPackets == 0:
		return "not joined: the request half is missing"
	case !answered && l.ReplyPackets == 0:
		return "not joined: the reply half is missing"
	case !asked || !answered:
		return fmt.Sprintf("crossed: captured as %v", l.Captured)
	}
	return crossed(w, l)
}

// crossed tells by the numbers of bytes whether the halves are one
// connection's.
func crossed(w *truth.Leg, l *flow.Leg) string {
	if !w.Complete || w.Sent == nil || w.Received == nil {
		return ""
	}
	if l.OrigBytes != w.Sent.Bytes || l.ReplyBytes != w.Received.Bytes {
		return fmt.Sprintf("crossed: %d and %d bytes, really %d and %d", l.OrigBytes, l.ReplyBytes, w.Sent.Bytes, w.Received.Bytes)
	}
	return ""
}

// ownTraffic reports whether the leg goes to the mesh itself, past the proxy:
// both direct and control say that.
func ownTraffic(w *truth.Leg, l *flow.Leg) bool {
	_, own := profile.Istio().Control(l.Orig.Dst.Port())
	return own && w.Role == "direct" && l.Role == flow.RoleControl
}

// legs checks that there are the legs of the truth and no others, and their
// roles and what they say of their ends.
func (j *judge) legs() (bad []string) {
	for _, w := range j.m.lost {
		s := fmt.Sprintf("%s %s %s > %s: missing", w.ID, w.Role, w.OrigSrc, w.OrigDst)
		if l := j.m.near[w.ID]; l != nil {
			s = fmt.Sprintf("%s %s %s > %s: found as %s", w.ID, w.Role, w.OrigSrc, w.OrigDst, l.Orig)
		}
		bad = append(bad, s)
	}
	for _, l := range j.m.extra {
		bad = append(bad, fmt.Sprintf("leg %d %s %s: never was", l.ID, l.Role, l.Orig))
	}
	for i := range j.truth.Legs {
		w := &j.truth.Legs[i]
		if l := j.m.ours[w.ID]; l != nil {
			bad = append(bad, j.leg(w, l)...)
		}
	}
	return bad
}

// thinned reports whether packets were taken out of the captures at random, so that
// heads of messages and whole handshakes may be among what nobody can know.
func thinned(tr *truth.Truth) bool {
	return strings.HasPrefix(tr.Scenario, "mtls-") && strings.HasSuffix(tr.Scenario, "-missing")
}

func (j *judge) leg(w *truth.Leg, l *flow.Leg) (bad []string) {
	differ := func(what string, got, want any) {
		if got != want {
			bad = append(bad, fmt.Sprintf("%s %s > %s: %s %v, really %v", w.ID, w.OrigSrc, w.OrigDst, what, got, want))
		}
	}
	file := j.truth.Files[l.Inputs[0]]
	cooked := slices.ContainsFunc(l.Inputs, func(i int) bool { return j.truth.Files[i].Interface == "any" })
	if !ownTraffic(w, l) {
		differ("role", l.Role.String(), w.Role)
	}
	differ("pod", l.Pod, podOf(j.truth.Args, file.Name))
	if cooked { // cooked packets do not name their interface
		differ("on loopback", l.Interface == "lo", w.Interface == "lo")
	} else {
		differ("interface", l.Interface, w.Interface)
	}
	if !thinned(j.truth) { // else the handshake may be among what was taken out
		differ("midstream", l.Midstream, w.Midstream)
	}
	if used := slices.ContainsFunc(j.truth.Links, func(k truth.Link) bool { return k.To == w.ID }); used {
		differ("never used", l.Unused, false)
	}
	differ("tunnel", l.Protocol == flow.ProtocolHBONE, w.Tunnel)
	differ("encrypted", l.Protocol == flow.ProtocolTLS || l.Protocol == flow.ProtocolHBONE || l.Decrypted, w.Encrypted)
	if !w.HalfFlow || w.RequestSrc == "" {
		differ("answered by", l.Reply.Src.String(), w.ReplySrc)
	}
	if w.Complete && w.Sent != nil && w.Received != nil {
		differ("bytes sent", l.OrigBytes, w.Sent.Bytes)
		differ("bytes received", l.ReplyBytes, w.Received.Bytes)
		differ("bytes missing", l.OrigMissing+l.ReplyMissing, int64(0))
	}
	return bad
}
