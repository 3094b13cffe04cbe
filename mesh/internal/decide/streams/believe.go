package streams

import (
	"math"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/align"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

const (
	// rounds is how often what was learned is used to learn again.
	rounds = 8
	// alone is how likely it is beforehand that an exchange went over none of the lanes.
	alone = .003
	// stray is how many exchanges of a connection go over a lane of which nothing is known.
	stray = .1
	// hardly is the least probability, and mostly bounds what one channel may say.
	hardly, mostly = 1e-6, 1e6
	// unchanged is by how much a probability changes that does not.
	unchanged = 1e-3
)

// solve weighs which exchange went over which lane, and where. It reports whether it
// came to an end: not if nobody wants to know.
func (p *problem) solve(stopped func() bool) bool {
	p.belief = make([][]float64, len(p.es))
	for r := range rounds {
		if r != 1 { // what the first round said is a guess
			p.idle()
		}
		if r >= rounds/2 {
			p.reorder(r > rounds/2)
		}
		p.counted()
		p.believe()
		before := slices.Clone(p.belief)
		for x, l := range p.lanes {
			for k, ch := range l.channels {
				if stopped() {
					return false
				}
				p.weigh(k, x, ch)
				p.believe()
			}
		}
		p.learn()
		if r > rounds/2 && p.settled(before) {
			break
		}
	}
	p.idle()
	return true
}

// settled reports whether a round changed nothing that matters.
func (p *problem) settled(before [][]float64) bool {
	for i, old := range before {
		for x, b := range p.belief[i] {
			if math.Abs(b-old[x]) > unchanged {
				return false
			}
		}
	}
	return true
}

// counted counts how many exchanges of each connection went over each lane.
func (p *problem) counted() {
	p.share = make(map[*graph.Leg][]float64)
	for i, e := range p.es {
		if p.share[e.Leg] == nil {
			p.share[e.Leg] = make([]float64, len(p.lanes))
		}
		for x := range p.lanes {
			if p.belief[i] != nil {
				p.share[e.Leg][x] += p.belief[i][x]
			}
		}
	}
}

// believe combines what all channels say of each exchange.
func (p *problem) believe() {
	for i := range p.es {
		next := p.prior(i)
		n := next[len(p.lanes)]
		for x, l := range p.lanes {
			next[x] *= l.channels[requests].word[i] * l.channels[responses].word[i]
			n += next[x]
		}
		for x := range next {
			next[x] /= n
		}
		p.belief[i] = next
	}
}

// prior returns how likely it is by lane, and for none, that exchange i went over it, by
// where the others of its connection went.
func (p *problem) prior(i int) []float64 {
	out, n := make([]float64, len(p.lanes)+1), 0.0
	for x, l := range p.lanes {
		if p.may(p.es[i], l) {
			out[x] = p.share[p.es[i].Leg][x] + stray
			if p.belief[i] != nil {
				out[x] = max(out[x]-p.belief[i][x], stray)
			}
			n += out[x]
		}
	}
	for x := range p.lanes {
		if n > 0 {
			out[x] *= (1 - alone) / n
		}
	}
	out[len(p.lanes)] = alone
	return out
}

// weigh asks a channel of lane x, which is told what the others say.
func (p *problem) weigh(k, x int, ch *channel) {
	on := make([]float64, len(ch.who))
	for n, i := range ch.who {
		odds := p.belief[i][x] / ch.word[i]
		on[n] = min(max(odds/(odds+1-p.belief[i][x]), alone), 1-alone)
	}
	c := align.Chain{Messages: ch.messages, Records: ch.records, After: p.after(k), Sizes: p.sizes[k], Delays: &p.delays[k], Overtake: p.overtake[k]}
	ch.places = c.Weigh(on)
	for n, i := range ch.who {
		sum := 0.0
		for _, pl := range ch.places[n] {
			sum += pl.P
		}
		sum = min(max(sum, hardly), 1-hardly)
		ch.word[i] = min(max(sum/(1-sum)*(1-on[n])/on[n], 1/mostly), mostly)
	}
}

// after reports whether messages of a direction come before their records.
func (p *problem) after(k int) bool { return p.up == (k == requests) }
