package plan

import (
	"math"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/trace"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// Plan gives every path its conversation and its number: paths are numbered in
// the order of their first written packets, which is how Wireshark numbers TCP
// streams.
func (pl *Planner) Plan(paths []*trace.Path) []*Conversation {
	convs := make([]*Conversation, 0, len(paths))
	for i, p := range index.Each(pl.Index, paths) {
		convs = append(convs, pl.conversation(p))
		convs[i].Path = p
	}
	pl.sort(convs)
	for i, c := range convs {
		c.Path.ID = i
		paths[i] = c.Path
	}
	return convs
}

// sort puts conversations in the order in which their first packets are written.
func (pl *Planner) sort(cs []*Conversation) {
	at := make(map[*Conversation]index.Moment, len(cs))
	for _, c := range cs {
		at[c] = pl.written(c)
	}
	slices.SortStableFunc(cs, func(a, b *Conversation) int { return at[a].Compare(at[b]) })
}

// written returns when the first packet of c is written. What is made anew is
// written by its time, but packets of one file keep their order, whatever their times.
func (pl *Planner) written(c *Conversation) index.Moment {
	if c.Rebuilt || pl.Overtaken == nil {
		return c.First
	}
	first := index.Moment{Nanos: math.MaxInt64}
	take := func(h index.HalfNo) {
		half := pl.Index.Half(h)
		at := index.Moment{Nanos: int64(half.FirstTime), Ref: half.First}
		if by, ok := pl.Overtaken(half.First); ok {
			at.Nanos = int64(by)
		}
		if at.Compare(first) < 0 {
			first = at
		}
	}
	for h := range c.Frame.Conn.Halves {
		take(h)
	}
	for _, s := range c.Frame.Conn.Strays {
		take(s.Half)
	}
	return first
}
