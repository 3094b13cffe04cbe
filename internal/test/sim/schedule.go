package sim

import (
	"container/heap"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
)

// A Schedule is what will happen in a simulated world, in the order of time.
type Schedule struct {
	Now    time.Duration
	events events
}

// After schedules something for a time from now.
func (s *Schedule) After(d time.Duration, do func()) { heap.Push(&s.events, event{s.Now + d, do}) }

// Play lets everything happen, at the times of which packets are added to tr.
func (s *Schedule) Play(tr *pcap.Trace) {
	for s.events.Len() > 0 {
		e := heap.Pop(&s.events).(event)
		tr.Wait(e.at - s.Now)
		s.Now = e.at
		e.do()
	}
}

type event struct {
	at time.Duration
	do func()
}

// events is a heap of what is next.
type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at < e[j].at }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }

func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}
