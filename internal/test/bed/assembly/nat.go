//go:build linux

package assembly

import (
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// natEntry is a connection as conntrack names it: who dialled what, and whose
// answer goes to whom.
type natEntry struct {
	at                time.Time // zero in a dump
	src, dst          netip.AddrPort
	replySrc, replyTo netip.AddrPort
}

// parseEntry reads one line of events or of a dump; it names source and
// destination first for the original direction, then for the reply.
func parseEntry(line string) (e natEntry, ok bool) {
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
	e = natEntry{at: eventTime(line),
		src: world.Endpoint(tuples[0].src, world.Number(tuples[0].sport)), dst: world.Endpoint(tuples[0].dst, world.Number(tuples[0].dport)),
		replySrc: world.Endpoint(tuples[1].src, world.Number(tuples[1].sport)), replyTo: world.Endpoint(tuples[1].dst, world.Number(tuples[1].dport))}
	return e, e.src.IsValid() && e.dst.IsValid() && e.replySrc.IsValid() && e.replyTo.IsValid()
}

// eventTime is the time at the beginning of a line, [seconds.microseconds].
func eventTime(line string) time.Time {
	text, _, _ := strings.Cut(strings.TrimPrefix(line, "["), "]")
	seconds, micros, ok := strings.Cut(text, ".")
	s, err := strconv.ParseInt(seconds, 10, 64)
	us, err2 := strconv.ParseInt(strings.TrimSpace(micros), 10, 64)
	if !ok || err != nil || err2 != nil {
		return time.Time{}
	}
	return time.Unix(s, us*1000)
}

// events are the connections that conntrack saw begin at a host while it was
// watched.
func (e *Evidence) events(h *world.Host) (out []natEntry, err error) {
	text, err := os.ReadFile(e.EventsOf(h))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		if x, ok := parseEntry(line); ok && strings.Contains(line, "[NEW]") {
			out = append(out, x)
		}
	}
	return out, nil
}

// natTable is what conntrack says about source ports that NAT changed: the
// proxy sees the new one, the application has the old. The key is the source
// after NAT and the original destination.
type natTable map[wireKey]netip.AddrPort

// natTable reads the events that were recorded so far.
func (e *Evidence) natTable(p *mesh.Pod) (natTable, error) {
	all, err := e.events(p.Host)
	n := natTable{}
	for _, x := range all {
		n.add(x)
	}
	return n, err
}

func (n natTable) add(e natEntry) {
	if e.replyTo != e.src {
		n[wireKey{e.replyTo, e.dst}] = e.src
	}
}

// translation is how a leg looks at a point behind the node's NAT.
type translation struct{ src, dst netip.AddrPort }

// masked is what the node made of connections that it translated at both ends,
// by what was dialled, from its table at the end.
func (e *Evidence) masked() (map[wireKey]translation, error) {
	out := map[wireKey]translation{}
	if e.Notes.Masquerade == "" {
		return out, nil
	}
	text, err := e.Inside(e.Node, "conntrack", "-L", "-p", "tcp")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(text) {
		if x, ok := parseEntry(line); ok && x.replyTo.Addr() != x.src.Addr() {
			out[wireKey{x.src, x.dst}] = translation{x.replyTo, x.replySrc}
		}
	}
	return out, nil
}
