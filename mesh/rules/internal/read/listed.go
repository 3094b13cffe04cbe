package read

import (
	"bytes"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/draft"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// details reads what extensions print behind the columns of a listing, such as
// "tcp dpt:!53 ! owner UID match 1337 redir ports 15001". What is not known is
// kept as the match that it may be.
func (w *row) details(line []byte) error {
	var unknown [][]byte
	for len(w.fields) > 0 {
		n, err := w.detail(line)
		if err != nil {
			return err
		}
		if n == 0 {
			unknown = append(unknown, w.next())
			continue
		}
		w.fields = w.fields[n:]
	}
	if len(unknown) == 0 {
		return nil
	}
	if t := w.p.b.LastTarget(); t != nil && !knownTarget(t.Name) {
		t.Extra = draft.Foreign("", unknown)
		return nil
	}
	w.p.b.Match(netfilter.Match{Text: draft.Foreign("-m listing ", unknown)})
	return nil
}

// knownTarget reports whether all that a target prints is known. Those that are
// not have no effect on where a packet goes.
func knownTarget(name string) bool {
	switch name {
	case "LOG", "NFLOG", "SNAT", "MASQUERADE":
		return false
	}
	return true
}

// detail reads what stands at the head of the fields, and returns how many of
// them it took; 0 if it is not known.
func (w *row) detail(line []byte) (int, error) {
	not, f := 0, w.fields
	if string(f[0]) == "!" && len(f) > 1 {
		not, f = 1, f[1:]
	}
	n, err := w.listedMatch(f, not == 1, line)
	if n == 0 && err == nil && not == 0 {
		n, err = w.listedTarget(f)
	}
	if n == 0 || err != nil {
		return 0, err
	}
	return n + not, nil
}

// begins reports whether fields begin with the given words.
func begins(fields [][]byte, words ...string) bool {
	if len(fields) < len(words) {
		return false
	}
	for i, w := range words {
		if string(fields[i]) != w {
			return false
		}
	}
	return true
}

// listedMatch reads a match.
func (w *row) listedMatch(f [][]byte, not bool, line []byte) (int, error) {
	switch {
	case begins(f, "/*"):
		return w.comment(f, line), nil
	case begins(f, "tcp") || begins(f, "udp"):
		return w.ports(f)
	case begins(f, "multiport") && len(f) > 2:
		return w.multiport(f)
	case begins(f, "owner", "UID", "match") && len(f) > 3:
		return w.valued(4, netfilter.MatchUID, not, f[3], draft.ReadOwner)
	case begins(f, "owner", "GID", "match") && len(f) > 3:
		return w.valued(4, netfilter.MatchGID, not, f[3], draft.ReadOwner)
	case begins(f, "mark", "match") && len(f) > 2:
		return w.marked(f, netfilter.MatchMark)
	case begins(f, "connmark", "match") && len(f) > 2:
		return w.marked(f, netfilter.MatchConnMark)
	case (begins(f, "ctstate") || begins(f, "state")) && len(f) > 1:
		return w.valued(2, netfilter.MatchState, not, f[1], draft.ReadState)
	case begins(f, "ADDRTYPE", "match") && len(f) > 3:
		return w.addrType(f)
	}
	return 0, nil
}

// valued adds a match whose value is the last of the n fields taken.
func (w *row) valued(n int, k netfilter.Kind, not bool, value []byte, read func(*draft.Builder, []byte, *netfilter.Match) error) (int, error) {
	m := netfilter.Match{Kind: k, Not: not}
	if len(value) > 1 && value[0] == '!' {
		m.Not, value = !not, value[1:]
	}
	if err := read(&w.p.b, value, &m); err != nil {
		return 0, err
	}
	w.p.b.Match(m)
	return n, nil
}

// comment reads "/* words */", which print their blanks as they are.
func (w *row) comment(f [][]byte, line []byte) int {
	_, text, _ := bytes.Cut(line, []byte("/* "))
	text, _, ok := bytes.Cut(text, []byte(" */"))
	if !ok {
		return 0
	}
	n := 1
	for n < len(f) && string(f[n]) != "*/" {
		n++
	}
	w.p.b.Match(netfilter.Match{Kind: netfilter.MatchComment, Text: w.p.b.Name(text)})
	return min(n+1, len(f))
}

// ports reads "tcp dpt:!53", "tcp spts:1:2 dpts:!3:4".
func (w *row) ports(f [][]byte) (int, error) {
	n := 1
	for ; n < len(f); n++ {
		name, value, ok := bytes.Cut(f[n], []byte(":"))
		kind := netfilter.MatchDstPort
		switch string(name) {
		case "spt", "spts":
			kind = netfilter.MatchSrcPort
		case "dpt", "dpts":
		default:
			ok = false
		}
		if !ok {
			break
		}
		if _, err := w.valued(1, kind, false, value, draft.ReadPort); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// multiport reads "multiport dports 1:2,3"; a negation is printed as "!1:2,3".
func (w *row) multiport(f [][]byte) (int, error) {
	kind := netfilter.MatchPorts
	switch string(f[1]) {
	case "sports":
		kind = netfilter.MatchSrcPorts
	case "dports":
		kind = netfilter.MatchDstPorts
	case "ports":
	default:
		return 0, nil
	}
	return w.valued(3, kind, false, f[2], draft.ReadPorts)
}

// marked reads "mark match ! 0x53a".
func (w *row) marked(f [][]byte, k netfilter.Kind) (int, error) {
	if string(f[2]) == "!" && len(f) > 3 {
		return w.valued(4, k, true, f[3], draft.ReadMark)
	}
	return w.valued(3, k, false, f[2], draft.ReadMark)
}

// addrType reads "ADDRTYPE match src-type !LOCAL dst-type LOCAL".
func (w *row) addrType(f [][]byte) (int, error) {
	n := 2
	for n+1 < len(f) {
		kind := netfilter.MatchSrcType
		switch string(f[n]) {
		case "dst-type":
			kind = netfilter.MatchDstType
		case "src-type":
		default:
			return n, nil
		}
		if _, err := w.valued(2, kind, false, f[n+1], draft.ReadText); err != nil {
			return 0, err
		}
		n += 2
	}
	return n, nil
}
