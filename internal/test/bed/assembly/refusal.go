//go:build linux

package assembly

import (
	"fmt"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// refusals adds the connections that a proxy dialled in vain before the one
// that it logged. No application and no log knows them; conntrack saw them
// begin. Whose they were is told by time: the scenario sees to it that
// exchanges with retries do not overlap.
func (a *assembly) refusals() error {
	for _, p := range a.in.Pods {
		if p.Proxy.Retries == 0 {
			continue
		}
		seen, err := a.in.events(p.Host)
		if err != nil {
			return err
		}
		for _, e := range seen {
			if err := a.refusal(p, e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *assembly) refusal(p *mesh.Pod, e natEntry) error {
	if known := a.byKey[wireKey{e.src, e.dst}]; len(known) > 0 {
		if known[0].refused {
			a.dated(known[0], e.at)
		}
		return nil
	}
	h := a.retrying(p, e)
	if h == nil {
		return fmt.Errorf("%w: %v > %v belongs to no exchange, or to several", world.ErrAgain, e.src, e.dst)
	}
	w := a.add(wireKey{e.src, e.dst}, e.at)
	w.up, w.refused, w.dated = p, true, true
	again := *h
	again.to, again.toX, again.at, again.line.Status, again.vain = w, -1, e.at, 0, true
	a.hops = append(a.hops, &again)
	return nil
}

// dated gives a refused connection that a log line names its time.
func (a *assembly) dated(w *wire, at time.Time) {
	w.start, w.dated = at, true
	for _, h := range a.hops {
		if h.to == w {
			h.at = at
		}
	}
}

// retrying is the one exchange that was under way, with retries, where the
// attempt went.
func (a *assembly) retrying(p *mesh.Pod, e natEntry) (found *hop) {
	const early, late = 3 * time.Millisecond, 10 * time.Millisecond // the log cuts times off, conntrack stamps what it prints
	for _, h := range a.hops {
		begun := time.UnixMilli(h.line.Began())
		if h.pod != p || world.Number(h.line.Retries) == 0 || h.vain || e.at.Before(begun.Add(-early)) ||
			e.at.After(begun.Add(time.Duration(h.line.Active)*time.Millisecond+late)) || !p.Tries(h.line, e.dst) {
			continue
		}
		if found != nil {
			return nil
		}
		found = h
	}
	return found
}
