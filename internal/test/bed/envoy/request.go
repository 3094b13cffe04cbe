//go:build linux

package envoy

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Exchange is a request, or a connection that was carried on as bytes, with its
// attempts in their order. Without any, it was answered by Envoy alone.
type Exchange struct {
	*Line
	Asked  int // the number of the request on its connection, from 0
	Tries  []Attempt
	Copies []Attempt // for other services
}

// Attempt is one try to have a request served.
type Attempt struct {
	*Line
	Served int // its number on the server's connection, from 0
}

// Exchanges puts the lines of requests and of their attempts together. An attempt's
// line has not the number of its request, but it has its connection and, to the
// microsecond, when its first byte was sent, as the request's line has of the last
// attempt. Earlier ones lie within the request's time and have its id.
func Exchanges(lines []Line) ([]Exchange, error) {
	var out []Exchange
	requests := map[int][]int{} // by connection: places in out
	for i := range lines {
		if lines[i].Conn == nil {
			return nil, fmt.Errorf("%s %s: a line without connection", lines[i].Method, lines[i].Target)
		}
		switch l := &lines[i]; l.Kind {
		case Raw:
			out = append(out, Exchange{Line: l, Tries: []Attempt{{Line: l}}})
		case Request:
			requests[*l.Conn] = append(requests[*l.Conn], len(out))
			out = append(out, Exchange{Line: l})
		}
	}
	for i := range lines {
		l := &lines[i]
		if l.Kind != Try {
			continue
		}
		if l.Client == "" { // nobody waits for the answer
			k, err := copied(l, out)
			if err != nil {
				return nil, err
			}
			out[k].Copies = append(out[k].Copies, Attempt{Line: l})
			continue
		}
		k, err := whose(l, out, requests[*l.Conn])
		if err != nil {
			return nil, err
		}
		out[k].Tries = append(out[k].Tries, Attempt{Line: l})
	}
	for i := range out {
		x := &out[i]
		slices.SortStableFunc(x.Tries, func(a, b Attempt) int { return a.Began().Compare(b.Began()) })
		if x.Kind == Request && len(x.Tries) > 0 && len(x.Tries) != x.Attempts {
			return nil, fmt.Errorf("%s %s: %d attempts, %d lines of them", x.Method, x.Target, x.Attempts, len(x.Tries))
		}
	}
	number(out)
	return out, nil
}

// whose finds the request of an attempt among those of its connection.
func whose(l *Line, all []Exchange, of []int) (int, error) {
	var fits []int
	for _, i := range of {
		r := all[i]
		if r.ID != l.ID || r.Method != l.Method || r.Target != l.Target || l.Began().Before(r.Began()) || l.Ended().After(r.Ended().Add(slack)) {
			continue
		}
		if same(l.UpConn, r.UpConn) && l.Begun != nil && r.Begun != nil && l.Tried().Sub(r.Tried()).Abs() <= rounding {
			return i, nil
		}
		fits = append(fits, i)
	}
	if len(fits) != 1 {
		return 0, fmt.Errorf("%s %s: an attempt that may be of %d requests", l.Method, l.Target, len(fits))
	}
	return fits[0], nil
}

// copied finds the request of which a line tells a copy.
func copied(l *Line, all []Exchange) (int, error) {
	var fits []int
	for i, r := range all {
		if r.Kind == Request && r.ID == l.ID && r.Method == l.Method && r.Target == l.Target && !l.Began().Before(r.Began()) && !l.Began().After(r.Ended()) {
			fits = append(fits, i)
		}
	}
	if len(fits) != 1 {
		return 0, fmt.Errorf("%s %s: a copy of what may be %d requests", l.Method, l.Target, len(fits))
	}
	return fits[0], nil
}

const (
	rounding = time.Microsecond     // two times that are cut off
	slack    = 2 * time.Millisecond // an attempt's line may be written after its request's
)

func same(a, b *int) bool { return a != nil && b != nil && *a == *b }

// number counts the requests on each connection, and the attempts on each that they
// took, by when they began: lines are written when something is over.
func number(all []Exchange) {
	asked, served := map[int][]*Exchange{}, map[int][]*Attempt{}
	for i := range all {
		x := &all[i]
		if x.Kind != Request {
			continue
		}
		asked[*x.Conn] = append(asked[*x.Conn], x)
		for _, of := range [][]Attempt{x.Tries, x.Copies} {
			for k := range of {
				if c := of[k].UpConn; c != nil {
					served[*c] = append(served[*c], &of[k])
				}
			}
		}
	}
	for _, xs := range asked {
		slices.SortStableFunc(xs, func(a, b *Exchange) int {
			return cmp.Or(a.Began().Compare(b.Began()), a.Ended().Compare(b.Ended()))
		})
		for i, x := range xs {
			x.Asked = i
		}
	}
	for _, ts := range served {
		slices.SortStableFunc(ts, func(a, b *Attempt) int {
			return cmp.Or(a.Tried().Compare(b.Tried()), a.Ended().Compare(b.Ended()))
		})
		for i, t := range ts {
			t.Served = i
		}
	}
}
