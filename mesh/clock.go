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
	Known       bool           // false: they share no connection, and nothing is joined between them by time
	Offset      time.Duration  // how much later it is by the pod's clock, when the first packet passed that both saw; 0 if it may be right
	Error       time.Duration  // how far that may be from the truth
	Drift       float64        // how much faster it goes
	Connections int            // shared with the pod that it was held against, which may be a third one
	Steps       []capture.Time // when the clock was set while it was captured, as it showed then
}

// newClock returns what is told of a clock; nil of the one that counts.
func newClock(c *clocks.Clock, names []string) *Clock {
	switch {
	case c.Alone:
		return &Clock{Against: names[c.Against]}
	case len(c.Correction) == 0:
		return nil
	}
	first := c.Correction[0].From
	k := &Clock{Against: names[c.Against], Known: true, Offset: time.Duration(first - c.Correct(first)), Error: time.Duration(c.Error),
		Drift: 0 - c.Correction[0].Drift, Connections: c.Connections}
	for _, at := range c.Correction.Steps() {
		k.Steps = append(k.Steps, capture.Time(at))
	}
	return k
}
