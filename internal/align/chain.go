package align

import (
	"cmp"
	"slices"
)

// A Message is something that a connection may have carried.
type Message struct {
	At    int64  // nanoseconds: when it went by on the other side
	Until int64  // of one that had no place in the order: when it really did, and At is the earliest time; else 0
	Class int    // of its delay
	Forms []Form // ways in which it may stand in its record, alike beforehand
}

// A Form is one way in which a message may stand in the record that it begins in.
type Form struct {
	Bytes int64 // that are certain; the rest is learned by kind
	Kind  int   // index into Sizes
	Apart int64 // bytes of a body that has a record of its own, which has to be there; 0 = none
	Vague bool  // how long it is cannot be told
}

// A Record is one of the connection.
type Record struct {
	At   int64 // nanoseconds
	Size int64 // bytes of plaintext
	// Idle is how likely a length like its own is of a record in which nothing begins.
	Idle float64
	Cold bool // one of the first, which are longer by more than can be learned
}

// A Chain is one direction of a connection, and what it may have carried.
type Chain struct {
	Messages []Message // in the order in which they came
	Records  []Record
	After    bool // records follow messages, else they come before
	Sizes    Sizes
	Delays   *[Classes]Delays
	Overtake [2]float64 // how likely it is that a message goes after one that came later: into another record, into the same
}

// A Place is where a message begins.
type Place struct {
	Record, Slot int // which of those that begin in the record
	Form         int
	Late         bool // overtaken by one that came later
	P            float64
}

// Rate returns how many records in which something may begin come in a nanosecond.
func Rate(rs []Record) float64 {
	n, span := 1.0, 1e6
	for i := range rs {
		if rs[i].Idle < Certain/4 {
			n++
		}
	}
	if k := len(rs); k > 0 {
		span = max(span, float64(rs[k-1].At-rs[0].At))
	}
	return n / span
}

// Weigh returns by message where it begins, with probabilities, likeliest first, if it is
// of this connection with probability on.
func (c *Chain) Weigh(on []float64) [][]Place {
	w := &walk{Chain: c, on: on, seen: make(map[taken]float64), rate: Rate(c.Records)}
	for k := range w.peak {
		w.peak[k] = c.Delays[k].peak()
	}
	for from := 0; from < len(c.Messages); {
		to := w.section(from)
		w.forward(from, to)
		w.backward(from)
		from = to
	}
	return w.places()
}

// delay is how long message m took to record j.
func (c *Chain) delay(m *Message, j int) int64 {
	if c.After {
		return c.Records[j].At - m.At
	}
	return m.At - c.Records[j].At
}

// sight returns the records [from, end) in which m may begin.
func (c *Chain) sight(m *Message) (from, end int) {
	at := func(r Record, t int64) int { return cmp.Compare(r.At, t) }
	if c.After {
		from, _ = slices.BinarySearchFunc(c.Records, m.At-causality, at)
		for end = from; end < len(c.Records) && end-from < inSight && c.Records[end].At <= m.At+LongestWait; end++ {
		}
		return from, end
	}
	end, _ = slices.BinarySearchFunc(c.Records, max(m.At, m.Until)+causality+1, at)
	for from = end; from > 0 && end-from < inSight && c.Records[from-1].At >= m.At-LongestWait; from-- {
	}
	return from, end
}

// causality is by how much an effect may be seen before its cause, in nanoseconds.
const causality = int64(20e3)
