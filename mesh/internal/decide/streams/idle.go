package streams

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/align"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
)

// Records in which nothing begins: frames of the connection, bodies and pieces of bodies,
// and what nothing that was captured explains.

// idle says of each record how likely its length is if nothing begins in it, by how many
// there are that nothing explains.
func (p *problem) idle() {
	for _, l := range p.lanes {
		for k, ch := range l.channels {
			some := ch.typical()
			ch.untold = p.unexplained(k, ch)
			for j := range ch.records {
				r := &ch.records[j]
				switch {
				case turn.Control(r.Size):
					r.Idle = align.Certain
				case p.isBody(k, r):
					r.Idle = align.Certain / 2
				case p.during(k, r):
					r.Idle = max(ch.untold, often) * some
				default:
					r.Idle = ch.untold * some
				}
			}
		}
	}
}

// How often a record is not explained by what was captured.
const (
	seldom = .02 // before anything is learned
	often  = .5  // where packets are missing, or a message took its time
	// asFew is how many records what is believed beforehand counts for.
	asFew = 10.
)

// unexplained returns how many of the records that may hold the head of a message nothing
// explains, as a share.
func (p *problem) unexplained(k int, ch *channel) float64 {
	beforehand := seldom
	if p.holes {
		beforehand = often
	}
	if ch.places == nil {
		return beforehand
	}
	begun := make([]float64, len(ch.records))
	for _, ps := range ch.places {
		for _, pl := range ps {
			if pl.Slot == 0 {
				begun[pl.Record] += pl.P
			}
		}
	}
	n, none := asFew, asFew*beforehand
	for j := range ch.records {
		if r := &ch.records[j]; !turn.Control(r.Size) && !p.isBody(k, r) {
			n++
			none += 1 - min(begun[j], 1)
		}
	}
	return min(none/n, often)
}

// isBody reports whether a record has the length of a body that went by about then.
func (p *problem) isBody(k int, r *align.Record) bool {
	return anyNear(p.bodies[k][r.Size-frame], r.At, align.LongestWait) || anyNear(p.bodies[k][r.Size-2*frame], r.At, align.LongestWait)
}

// during reports whether a record may be one of several that carry a message.
func (p *problem) during(k int, r *align.Record) bool {
	i, _ := slices.BinarySearchFunc(p.spread[k], r.At, func(s [2]int64, t int64) int { return cmp.Compare(s[1], t) })
	return i < len(p.spread[k]) && p.spread[k][i][0] <= r.At
}

// apart is the share of bodies with a record of their own from which a proxy is taken for
// one that writes frames one by one. Go's have a third and more; of Envoy's, up to 8 in a
// hundred are as long as some other record.
const apart = .15

// framed reports whether the proxy writes every frame by itself, so that many bodies have
// a record of their own.
func (p *problem) framed() bool {
	n, own := 0, 0
	for k := range p.messages {
		for i := range p.messages[k] {
			for _, f := range p.messages[k][i].Forms {
				if f.Apart > 0 {
					n++
					if slices.ContainsFunc(p.lanes, func(l *lane) bool { return l.channels[k].hasBody(f.Apart, p.messages[k][i].At, soon) }) {
						own++
					}
				}
			}
		}
	}
	return float64(own) > apart*float64(n)
}
