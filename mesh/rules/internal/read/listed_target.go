package read

import (
	"bytes"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/draft"
	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// listedTarget reads what a target prints behind the matches.
func (w *row) listedTarget(f [][]byte) (int, error) {
	t := w.p.b.LastTarget()
	if t == nil {
		return 0, nil
	}
	switch {
	case begins(f, "[goto]"):
		t.Goto = true
		return 1, nil
	case t.Name == netfilter.TargetReject && begins(f, "reject-with") && len(f) > 1:
		t.Extra = "--reject-with " + w.p.b.Text(f[1:2])
		return 2, nil
	case t.Name == netfilter.TargetRedirect && begins(f, "redir", "ports") && len(f) > 2:
		ports, err := draft.Span(f[2], '-', 16)
		t.Ports = ports
		return 3, err
	case t.Name == netfilter.TargetDNAT && bytes.HasPrefix(f[0], []byte("to:")):
		return w.listedDNAT(t, f[0][3:])
	case t.Name == netfilter.TargetTPROXY && begins(f, "TPROXY", "redirect") && len(f) > 4:
		return w.listedTPROXY(t, f)
	case (t.Name == netfilter.TargetMark || t.Name == netfilter.TargetConnMark) && string(f[0]) == t.Name && len(f) > 1:
		return w.listedMark(t, f)
	case t.Name == netfilter.TargetCT && begins(f, "CT", "zone") && len(f) > 2:
		n, err := syntax.Number(f[2], 16)
		t.Zone, t.HasZone = uint16(n), true
		return 3, err
	}
	return 0, nil
}

func (w *row) listedDNAT(t *netfilter.Target, to []byte) (int, error) {
	var err error
	if t.Addr, t.Ports, err = draft.Destination(to); err != nil {
		return 0, err
	}
	return 1, nil
}

// listedTPROXY reads "TPROXY redirect 0.0.0.0:15006 mark 0x539/0xffffffff".
func (w *row) listedTPROXY(t *netfilter.Target, f [][]byte) (int, error) {
	to := f[2]
	if bytes.Count(to, []byte(":")) > 1 && to[0] != '[' { // IPv6 is printed without brackets
		at := bytes.LastIndexByte(to, ':')
		to = bytes.Join([][]byte{{'['}, to[:at], []byte("]:"), to[at+1:]}, nil)
	}
	var err error
	if t.Addr, t.Ports, err = draft.Destination(to); err != nil {
		return 0, err
	}
	t.Value, t.Mask, err = syntax.Mark(f[4])
	return 5, err
}

// listedMark reads "MARK xset 0x10/0xf0", "CONNMARK save" and "CONNMARK restore
// mask 0xfff".
func (w *row) listedMark(t *netfilter.Target, f [][]byte) (int, error) {
	option := ""
	switch string(f[1]) {
	case "set":
		option = "--set-mark"
	case "xset":
		option = "--set-xmark"
	case "and", "or", "xor":
		option = "--" + string(f[1]) + "-mark"
	case "save", "restore":
		if err := w.p.b.Marking(t, "--"+string(f[1])+"-mark"); err != nil || len(f) < 4 || string(f[2]) != "mask" {
			return 2, err
		}
		n, err := syntax.Number(f[3], 32)
		t.Mask, t.CTMask = n, n
		return 4, err
	}
	if option == "" || len(f) < 3 {
		return 0, nil
	}
	return 3, w.p.b.Marking(t, option, f[2])
}
