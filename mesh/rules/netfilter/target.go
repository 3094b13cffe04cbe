package netfilter

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
)

// Names of the targets that are known. Every other name is a chain's, or that
// of a target whose effect is not known.
const (
	TargetAccept   = "ACCEPT"
	TargetDrop     = "DROP"
	TargetReject   = "REJECT"
	TargetReturn   = "RETURN"
	TargetRedirect = "REDIRECT"
	TargetDNAT     = "DNAT"
	TargetTPROXY   = "TPROXY"
	TargetMark     = "MARK"
	TargetConnMark = "CONNMARK"
	TargetCT       = "CT"
)

// NotShown stands for the arguments that nft leaves out of what iptables-nft
// wrote.
const NotShown = "--not-shown-by-nft"

// An Op is what MARK and CONNMARK do.
type Op uint8

// What MARK and CONNMARK do.
const (
	OpSet     Op = iota + 1 // mark = mark &^ Mask ^ Value
	OpSave                  // the connection's mark from the packet's
	OpRestore               // the packet's mark from the connection's
)

// A Target is what a rule does.
type Target struct {
	Name string
	Goto bool // of a chain: does not come back to this one

	Addr  netip.Addr // of DNAT; of TPROXY, if not that of the interface
	Ports Span       // of REDIRECT, DNAT, TPROXY; 0 to 0: the port stays

	Op     Op     // of MARK, CONNMARK
	Value  uint32 // of MARK, CONNMARK; of TPROXY, which marks too
	Mask   uint32 // of the packet's mark, or of the one set
	CTMask uint32 // of the connection's mark: save, restore

	HasZone bool // of CT
	Zone    uint16

	Extra string // other arguments as text: of no effect here, or not known
}

// String returns the target as iptables-save writes it.
func (t *Target) String() string { return strings.TrimSpace(string(t.append(nil))) }

// append adds the target as iptables-save writes it.
func (t *Target) append(b []byte) []byte {
	if t.Goto {
		b = append(b, " -g "...)
	} else {
		b = append(b, " -j "...)
	}
	b = syntax.AppendWord(b, t.Name)
	switch t.Name {
	case TargetRedirect:
		b = t.appendPorts(b, " --to-ports ", '-')
	case TargetDNAT:
		b = t.appendDestination(b)
	case TargetTPROXY:
		b = t.appendTPROXY(b)
	case TargetMark, TargetConnMark:
		b = t.appendMarking(b)
	case TargetCT:
		if t.HasZone {
			b = strconv.AppendUint(append(b, " --zone "...), uint64(t.Zone), 10)
		}
	}
	if t.Extra != "" {
		b = append(append(b, ' '), t.Extra...)
	}
	return b
}

func (t *Target) appendPorts(b []byte, before string, dash byte) []byte {
	if t.Ports == (Span{}) {
		return b
	}
	return appendSpans(append(b, before...), []Span{t.Ports}, dash)
}

func (t *Target) appendDestination(b []byte) []byte {
	if !t.Addr.IsValid() && t.Ports == (Span{}) {
		return b
	}
	b = append(b, " --to-destination "...)
	bracket := t.Addr.Is6() && t.Ports != (Span{})
	if bracket {
		b = append(b, '[')
	}
	if t.Addr.IsValid() {
		b = t.Addr.AppendTo(b)
	}
	if bracket {
		b = append(b, ']')
	}
	return t.appendPorts(b, ":", '-')
}

func (t *Target) appendTPROXY(b []byte) []byte {
	b = t.appendPorts(b, " --on-port ", '-')
	if t.Addr.IsValid() {
		b = t.Addr.AppendTo(append(b, " --on-ip "...))
	}
	if t.Value|t.Mask != 0 {
		b = appendHex(append(appendHex(append(b, " --tproxy-mark "...), t.Value), '/'), t.Mask)
	}
	return b
}

func (t *Target) appendMarking(b []byte) []byte {
	switch t.Op {
	case OpSet:
		return appendHex(append(appendHex(append(b, " --set-xmark "...), t.Value), '/'), t.Mask)
	case OpSave:
		b = append(b, " --save-mark"...)
	case OpRestore:
		b = append(b, " --restore-mark"...)
	default:
		return b
	}
	return appendHex(append(appendHex(append(b, " --nfmask "...), t.Mask), " --ctmask "...), t.CTMask)
}
