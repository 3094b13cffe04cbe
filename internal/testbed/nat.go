//go:build linux

package testbed

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// natTable is what conntrack's events of a pod say about source ports that
// NAT changed: the proxy sees the new one, the application has the old. The
// key is the source after NAT and the original destination.
type natTable map[wireKey]netip.AddrPort

// natTable reads the events that watch recorded so far.
func (b *bed) natTable(p *pod) (natTable, error) {
	n := natTable{}
	text, err := os.ReadFile(filepath.Join(b.tmp, p.name+"-events.txt"))
	if os.IsNotExist(err) {
		return n, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "[NEW]") {
			n.add(line)
		}
	}
	return n, nil
}

// add takes one line; it names source and destination first for the original
// direction, then for the reply.
func (n natTable) add(line string) {
	var tuples [2]struct{ src, dst, sport, dport string }
	i := -1
	for _, word := range strings.Fields(line) {
		key, value, _ := strings.Cut(word, "=")
		if key == "src" {
			i++
		}
		if i < 0 || i > 1 {
			continue
		}
		switch key {
		case "src":
			tuples[i].src = value
		case "dst":
			tuples[i].dst = value
		case "sport":
			tuples[i].sport = value
		case "dport":
			tuples[i].dport = value
		}
	}
	src := endpoint(tuples[0].src, atoi(tuples[0].sport))
	dst := endpoint(tuples[0].dst, atoi(tuples[0].dport))
	back := endpoint(tuples[1].dst, atoi(tuples[1].dport))
	if src.IsValid() && dst.IsValid() && back.IsValid() && back != src {
		n[wireKey{back, dst}] = src
	}
}
