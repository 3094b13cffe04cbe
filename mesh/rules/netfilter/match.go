package netfilter

import (
	"net/netip"
	"strconv"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
)

// A Kind says what a match looks at.
type Kind uint8

// What matches look at, by the option of iptables that sets it.
const (
	MatchUnknown  Kind = iota // Text holds it as it was written
	MatchProto                // -p: Value is the protocol number
	MatchIn                   // -i: Text is the interface; a + at its end stands for any rest
	MatchOut                  // -o
	MatchSrc                  // -s: Prefixes
	MatchDst                  // -d
	MatchSrcPort              // --sport: Spans
	MatchDstPort              // --dport
	MatchSrcPorts             // -m multiport --sports
	MatchDstPorts             // -m multiport --dports
	MatchPorts                // -m multiport --ports: either one
	MatchUID                  // -m owner --uid-owner: Spans
	MatchGID                  // -m owner --gid-owner
	MatchMark                 // -m mark: Value, Mask
	MatchConnMark             // -m connmark
	MatchState                // -m conntrack --ctstate: Text, names joined by commas
	MatchSrcType              // -m addrtype --src-type: Text
	MatchDstType              // -m addrtype --dst-type
	MatchComment              // -m comment: Text; matches everything
)

// A Match is one condition of a rule.
type Match struct {
	Kind        Kind
	Not         bool // the packet must not match it
	Text        string
	Prefixes    []netip.Prefix // one of them must match; masked
	Spans       []Span         // one of them must match
	Value, Mask uint32
}

// A Span is a range of numbers, both ends included.
type Span struct{ Lo, Hi uint32 }

// module returns the extension a match is an option of; "" if of none.
func (m *Match) module(proto string) string {
	switch m.Kind {
	case MatchSrcPort, MatchDstPort:
		return proto
	case MatchSrcPorts, MatchDstPorts, MatchPorts:
		return "multiport"
	case MatchUID, MatchGID:
		return "owner"
	case MatchMark:
		return "mark"
	case MatchConnMark:
		return "connmark"
	case MatchState:
		return "conntrack"
	case MatchSrcType, MatchDstType:
		return "addrtype"
	case MatchComment:
		return "comment"
	}
	return ""
}

// options holds the option that prints each kind.
var options = [...]string{
	MatchProto: "-p", MatchIn: "-i", MatchOut: "-o", MatchSrc: "-s", MatchDst: "-d",
	MatchSrcPort: "--sport", MatchDstPort: "--dport", MatchSrcPorts: "--sports", MatchDstPorts: "--dports", MatchPorts: "--ports",
	MatchUID: "--uid-owner", MatchGID: "--gid-owner", MatchMark: "--mark", MatchConnMark: "--mark",
	MatchState: "--ctstate", MatchSrcType: "--src-type", MatchDstType: "--dst-type", MatchComment: "--comment",
}

// append adds the option as iptables-save writes it, without its -m.
func (m *Match) append(b []byte) []byte {
	if m.Kind == MatchUnknown {
		return append(append(b, ' '), m.Text...)
	}
	if m.Not {
		b = append(b, " !"...)
	}
	b = append(append(append(b, ' '), options[m.Kind]...), ' ')
	switch m.Kind {
	case MatchProto:
		return append(b, syntax.ProtocolName(m.Value)...)
	case MatchIn, MatchOut, MatchState, MatchSrcType, MatchDstType:
		return syntax.AppendWord(b, m.Text)
	case MatchComment:
		return syntax.AppendComment(b, m.Text)
	case MatchSrc, MatchDst:
		return appendPrefixes(b, m.Prefixes)
	case MatchMark, MatchConnMark:
		return appendMark(b, m.Value, m.Mask)
	case MatchUID, MatchGID:
		return appendSpans(b, m.Spans, '-')
	}
	return appendSpans(b, m.Spans, ':')
}

func appendPrefixes(b []byte, list []netip.Prefix) []byte {
	for i, p := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = p.AppendTo(b)
	}
	return b
}

func appendSpans(b []byte, list []Span, dash byte) []byte {
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(s.Lo), 10)
		if s.Hi != s.Lo {
			b = strconv.AppendUint(append(b, dash), uint64(s.Hi), 10)
		}
	}
	return b
}

// appendMark writes 0x539 or 0x539/0xfff.
func appendMark(b []byte, value, mask uint32) []byte {
	b = appendHex(b, value)
	if mask != syntax.AllBits {
		b = appendHex(append(b, '/'), mask)
	}
	return b
}

func appendHex(b []byte, n uint32) []byte {
	return strconv.AppendUint(append(b, "0x"...), uint64(n), 16)
}
