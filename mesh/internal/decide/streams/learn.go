package streams

import "github.com/pcapmesh/pcapmesh/internal/align"

// learn learns lengths and delays from what was weighed. Of records that several share it
// is not known how much each took.
func (p *problem) learn() {
	for k := range p.sizes {
		old := p.sizes[k]
		p.sizes[k] = make(align.Sizes, len(old))
		p.delays[k] = [align.Classes]align.Delays{}
		for _, l := range p.lanes {
			ch := l.channels[k]
			shared := ch.shared()
			for n := range ch.messages {
				for _, pl := range ch.places[n] {
					p.learnOne(k, ch, n, pl, old, 1-min(shared[pl.Record], 1))
				}
			}
		}
	}
}

// shared returns by record how likely it is that several messages begin there.
func (ch *channel) shared() []float64 {
	out := make([]float64, len(ch.records))
	for _, ps := range ch.places {
		for _, pl := range ps {
			if pl.Slot > 0 {
				out[pl.Record] += pl.P
			}
		}
	}
	return out
}

// learnOne learns from a message that may begin at a place, alone with a probability.
func (p *problem) learnOne(k int, ch *channel, n int, pl align.Place, old align.Sizes, alone float64) {
	m, r := &ch.messages[n], &ch.records[pl.Record]
	p.delays[k][m.Class].Add(p.delay(k, m, r), pl.P)
	if f := &m.Forms[pl.Form]; pl.Slot == 0 && !f.Vague && !r.Cold {
		p.sizes[k][f.Kind].Add(r.Size-f.Bytes, pl.P*alone*old[f.Kind].Trust(r.Size-f.Bytes))
	}
}

// delay returns how long a message took through the proxy.
func (p *problem) delay(k int, m *align.Message, r *align.Record) int64 {
	if p.after(k) {
		return r.At - m.At
	}
	return m.At - r.At
}

// reorder learns how often messages overtake each other. What the proxy read in one record
// it sends on in any order.
func (p *problem) reorder(known bool) {
	for k := range p.overtake {
		late, all := [2]float64{asLate, asLate}, [2]float64{asMany, asMany}
		if !p.after(k) {
			late[1] = asLoose
		}
		for _, l := range p.lanes {
			for _, ps := range l.channels[k].places {
				for _, pl := range ps {
					in := min(pl.Slot, 1)
					if all[in] += pl.P; pl.Late {
						late[in] += pl.P
					}
				}
			}
		}
		for in := range late {
			if !known {
				late[in], all[in] = min(late[in], asLoose), asMany
			}
			p.overtake[k][in] = late[in] / all[in]
		}
	}
}

const (
	asMany  = 100. // how many messages what is believed beforehand counts for
	asLate  = .3   // and how many of them are overtaken
	asLoose = 5.
)
