package align

import (
	"cmp"
	"math"
	"slices"
)

const (
	// manyStates is how many ways to go on are followed at once.
	manyStates = 48
	// mostIn is how many messages may begin in one record.
	mostIn = 12
	// manyMessages is how many messages are weighed together.
	manyMessages = 2048
	// inSight is in how many records a message is looked for.
	inSight = 16
	// LongestWait is the longest delay, in nanoseconds.
	LongestWait = int64(2e9)
)

// A state is how far a walk has come: the record that was used last, and what is in it.
type state struct {
	rec    int32 // -1: none yet
	n      int32 // messages that begin in it
	bytes  int64 // that those explain, with what they take on average
	spread int64 // variance of that
	vague  bool
	held   int32 // a message that is overtaken; -1 = none
	passed bool  // another one went before it
}

// A step leads from one state to the next.
type step struct {
	to     state
	weight float64
	took   [2]taken // what was taken, and when it had been held
	n      int
}

// A taken is a message that went into a record.
type taken struct {
	message, record, slot, form int32
	late                        bool
}

// A layer is the states before a message, and how likely they are.
type layer struct {
	states []state
	ahead  []float64 // of what was before
	behind []float64 // of what comes after
	index  map[state]int
}

// A walk is all ways through a chain.
type walk struct {
	*Chain
	on     []float64
	layers []layer    // before each message of a section, after the last, and at its end
	near   [][]chance // by message of the section: where it may begin
	from   int        // the section
	end    int
	rate   float64 // of records in which something begins, per nanosecond
	peak   [Classes]float64
	seen   map[taken]float64
}

// section returns the end of the messages from one on that are weighed together: up to where
// none before can be in a record with one that follows, or so many that it does not matter.
func (w *walk) section(from int) int {
	last := -1 // record that is in sight of those so far
	for i := from; i < len(w.Messages); i++ {
		first, end := w.sight(&w.Messages[i])
		if i > from && (first > last || i-from == manyMessages) {
			return i
		}
		last = max(last, end-1)
	}
	return len(w.Messages)
}

// forward weighs what is before each message.
func (w *walk) forward(from, to int) {
	w.layers, w.near, w.from, w.end = make([]layer, to-from+2), make([][]chance, to-from), from, to
	for i := range w.near {
		w.near[i] = w.chances(&w.Messages[from+i])
	}
	w.layers[0] = layer{states: []state{{rec: -1, held: -1}}, ahead: []float64{1}}
	for i := range w.layers[1:] {
		before, after := &w.layers[i], &w.layers[i+1]
		after.index = make(map[state]int)
		for k, s := range before.states {
			for st := range w.steps(from+i, s) {
				j, ok := after.index[st.to]
				if !ok {
					j = len(after.states)
					after.index[st.to] = j
					after.states, after.ahead = append(after.states, st.to), append(after.ahead, 0)
				}
				after.ahead[j] += before.ahead[k] * st.weight
			}
		}
		w.trim(after)
	}
}

// trim leaves the likeliest states, as far as is known of the records that they are in, and
// makes what they weigh one.
func (w *walk) trim(l *layer) {
	order, worth := make([]int, len(l.states)), make([]float64, len(l.states))
	for i := range order {
		order[i], worth[i] = i, l.ahead[i]*w.closed(&l.states[i])
		if l.states[i].held >= 0 {
			worth[i] *= max(w.Overtake[0], w.Overtake[1]) // to be paid yet
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(worth[j], worth[i]) })
	order = order[:min(len(order), manyStates)]
	total := 0.0
	for _, i := range order {
		total = max(total, l.ahead[i])
	}
	states, ahead := make([]state, 0, len(order)), make([]float64, 0, len(order))
	l.index = make(map[state]int, len(order))
	for _, i := range order {
		if worth[i] <= worth[order[0]]*negligible {
			break
		}
		l.index[l.states[i]] = len(states)
		states, ahead = append(states, l.states[i]), append(ahead, l.ahead[i]/total)
	}
	l.states, l.ahead = states, ahead
}

// negligible is how unlikely a way is, beside the likeliest, that is not followed.
const negligible = 1e-10

// backward weighs what comes after each message, and counts what was taken.
func (w *walk) backward(from int) {
	last := &w.layers[len(w.layers)-1]
	last.behind = make([]float64, len(last.states))
	for k, s := range last.states {
		if s.held < 0 {
			last.behind[k] = w.closed(&s)
		}
	}
	for i := len(w.layers) - 2; i >= 0; i-- {
		w.back(from+i, &w.layers[i], &w.layers[i+1])
	}
}

// back weighs what comes after the states before message i.
func (w *walk) back(i int, before, after *layer) {
	before.behind = make([]float64, len(before.states))
	all, counted := 0.0, make(map[taken]float64)
	for k, s := range before.states {
		for st := range w.steps(i, s) {
			j, ok := after.index[st.to]
			if !ok {
				continue
			}
			p := st.weight * after.behind[j]
			before.behind[k] += p
			p *= before.ahead[k]
			all += p
			for _, t := range st.took[:st.n] {
				counted[t] += p
			}
		}
	}
	top := slices.Max(append([]float64{math.SmallestNonzeroFloat64}, before.behind...))
	for k := range before.behind {
		before.behind[k] /= top
	}
	for t, p := range counted {
		if all > 0 {
			w.seen[t] += p / all
		}
	}
}

// places lists what was counted, by message.
func (w *walk) places() [][]Place {
	out := make([][]Place, len(w.Messages))
	for t, p := range w.seen {
		out[t.message] = append(out[t.message], Place{int(t.record), int(t.slot), int(t.form), t.late, p})
	}
	for _, ps := range out {
		slices.SortFunc(ps, func(a, b Place) int {
			return cmp.Or(cmp.Compare(b.P, a.P), cmp.Compare(a.Record, b.Record), cmp.Compare(a.Slot, b.Slot), cmp.Compare(a.Form, b.Form), cmp.Compare(bit(a.Late), bit(b.Late)))
		})
	}
	return out
}
