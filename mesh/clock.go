package mesh

import (
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/internal/clocks"
)

// A Clock says how the clock of a pod was held against that of another, by connections
// that both saw. All times of a Result, and of what it writes, are by the clock that
// counts, but for First and Last of an InputInfo.
type Clock struct {
	Against     string         // the pod whose clock counts
	Known       bool           // false: they share no connection that tells, and nothing is joined between them by time
	Offset      time.Duration  // how much later it is by the pod's clock, when the first packet passed that both saw; 0 if it may be right
	Error       time.Duration  // how far that may be from the truth
	Drift       float64        // how much faster it goes
	Connections int            // shared with the pod that it was held against, which may be a third one
	Steps       []capture.Time // when the clock was set while it was captured, as it showed then
	Contradicts []string       // pods with which it shares connections that contradict others, and were not used
}

// newOwnClock returns what is told of inputs with a clock of their own; against is a file
// by the clock that counts in the pod.
func newOwnClock(o *clocks.Own, against string) *Clock {
	c := o.Correction
	first := c[0][0].From
	k := &Clock{Against: against, Known: true, Offset: time.Duration(first - c.Correct(first)), Error: time.Duration(o.Error), Connections: o.Connections}
	for _, l := range c {
		k.Drift -= l[0].Drift
	}
	for _, at := range c[0].Steps() {
		k.Steps = append(k.Steps, capture.Time(at))
	}
	return k
}

// newClock returns what is told of a clock; nil of the one that counts.
func newClock(c *clocks.Clock, names []string) *Clock {
	k := &Clock{Against: names[c.Against]}
	for _, g := range c.Contradicts {
		k.Contradicts = append(k.Contradicts, names[g])
	}
	switch {
	case c.Alone:
		return k
	case len(c.Correction) == 0:
		return nil
	}
	first := c.Correction[0].From
	k.Known, k.Offset, k.Error = true, time.Duration(first-c.Correct(first)), time.Duration(c.Error)
	k.Drift, k.Connections = 0-c.Correction[0].Drift, c.Connections
	for _, at := range c.Correction.Steps() {
		k.Steps = append(k.Steps, capture.Time(at))
	}
	return k
}
