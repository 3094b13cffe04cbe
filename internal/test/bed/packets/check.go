package packets

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// Check holds the truth against its captures in dir: the files are
// those it names; every leg is there under its tuples, with exactly its bytes
// where it is complete; and no connection is there that is not a leg.
func Check(t *truth.Truth, dir string) error {
	seen := ways{}
	for _, f := range t.Files {
		got, err := Describe(filepath.Join(dir, f.Name))
		if err != nil {
			return err
		}
		if got.Packets != f.Packets || got.SHA256 != f.SHA256 {
			return fmt.Errorf("%s: %d packets with sum %s, the truth says %d and %s", f.Name, got.Packets, got.SHA256, f.Packets, f.SHA256)
		}
		if err := seen.load(filepath.Join(dir, f.Name), f); err != nil {
			return err
		}
	}
	c := captureCheck{seen: seen, used: map[way]int{}}
	for i := range t.Legs {
		for _, p := range t.Legs[i].Points {
			if err := c.leg(&t.Legs[i], p); err != nil {
				return fmt.Errorf("truth %s: leg %s (%s %s > %s) at %s: %w", t.Scenario, t.Legs[i].ID, t.Legs[i].Role,
					t.Legs[i].OrigSrc, t.Legs[i].OrigDst, p, err)
			}
		}
	}
	return c.strangers()
}

// load adds the packets of a file to their points.
func (m ways) load(name string, f truth.File) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if data, err = truth.Unpacked(data); err != nil {
		return err
	}
	names := strings.Split(f.Interface, "+")
	return records(data, func(r record) {
		s, err := decode(r)
		if err != nil {
			return
		}
		iface := names[r.iface]
		if iface == "any" {
			iface = "eth0"
			if s.loopback {
				iface = "lo"
			}
		}
		m.add(f.Pod+"/"+iface, s)
	})
}

type captureCheck struct {
	seen ways
	used map[way]int // incarnations that legs account for
}

// next returns the incarnation of a way that the next leg of its tuple has.
func (c *captureCheck) next(k way) *life {
	lives := c.seen[k]
	n := c.used[k]
	c.used[k]++
	if n < len(lives) {
		return lives[n]
	}
	return nil
}

func (c *captureCheck) leg(l *truth.Leg, point string) error {
	request, reply, err := halves(l, point)
	if err != nil {
		return err
	}
	there, back := c.next(request), c.next(reply)
	if l.Lost == "request" && there == nil && back != nil || l.Lost == "reply" && back == nil && there != nil {
		return nil
	}
	if l.Midstream && (there != nil || back != nil) {
		return nil // one side may have nothing left to say
	}
	for _, h := range []struct {
		k    way
		l    *life
		want *truth.Tally
	}{{request, there, l.Sent}, {reply, back, l.Received}} {
		if h.l == nil {
			return fmt.Errorf("nothing captured from %v to %v", h.k.src, h.k.dst)
		}
		if !l.Complete || h.want == nil {
			continue
		}
		if got, ok := h.l.tally(); !ok || got != *h.want {
			return fmt.Errorf("captured from %v to %v: %+v (whole %v), the applications say %+v", h.k.src, h.k.dst, got, ok, *h.want)
		}
	}
	return nil
}

// halves are the two directed tuples under which a leg is captured.
func halves(l *truth.Leg, point string) (request, reply way, err error) {
	var src, dst, answer, seen netip.AddrPort
	for _, p := range []struct {
		text string
		to   *netip.AddrPort
	}{{l.OrigSrc, &src}, {l.OrigDst, &dst}, {l.ReplySrc, &answer}, {l.RequestSrc, &seen}} {
		if p.text == "" {
			continue
		}
		if *p.to, err = netip.ParseAddrPort(p.text); err != nil {
			return request, reply, err
		}
	}
	if !seen.IsValid() {
		seen = src
	}
	for _, t := range l.Translated {
		if t.Point == point {
			src, dst = netip.MustParseAddrPort(t.Src), netip.MustParseAddrPort(t.Dst)
			seen, answer = src, dst
		}
	}
	return way{point, seen, answer}, way{point, dst, src}, nil
}

// strangers reports a connection that began in the capture and is no leg.
func (c *captureCheck) strangers() error {
	for k, lives := range c.seen {
		for i, l := range lives {
			if l.syn && i >= c.used[k] {
				return fmt.Errorf("%s: a connection from %v to %v that is no leg", k.point, k.src, k.dst)
			}
		}
	}
	return nil
}
