package align

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

const us = int64(1000)

// learned are sizes and delays as a proxy has them: heads of 50 bytes, 0.2 ms.
func learned() (Sizes, *[Classes]Delays) {
	sizes, delays := make(Sizes, 1), new([Classes]Delays)
	for i := range 40 {
		sizes[0].Add(48+int64(i%5), 1)
		delays[0].Add(150*us+int64(i)*5*us, 1)
	}
	return sizes, delays
}

// chain is one of messages with the given bytes that came at the given times, in
// microseconds, and records.
func chain(messages [][2]int64, records [][2]int64) *Chain {
	sizes, delays := learned()
	c := &Chain{After: true, Sizes: sizes, Delays: delays, Overtake: [2]float64{.01, .01}}
	for _, m := range messages {
		c.Messages = append(c.Messages, Message{At: m[0] * us, Forms: []Form{{Bytes: m[1]}}})
	}
	for _, r := range records {
		c.Records = append(c.Records, Record{At: r[0] * us, Size: r[1], Idle: 1e-5})
	}
	return c
}

// likely says where messages begin: record and slot of each, "-" of one that is elsewhere.
func likely(places [][]Place) (s string) {
	for _, ps := range places {
		if len(ps) == 0 || ps[0].P < .9 {
			s += " -"
			continue
		}
		s += fmt.Sprintf(" %d.%d", ps[0].Record, ps[0].Slot)
	}
	return s
}

func TestWeigh(t *testing.T) {
	for _, tt := range []struct {
		name              string
		messages, records [][2]int64
		on                float64
		want              string
	}{
		{"one in one", [][2]int64{{0, 20}}, [][2]int64{{200, 70}}, .5, " 0.0"},
		{"nothing is there", [][2]int64{{0, 20}}, nil, .5, " -"},
		{"too late", [][2]int64{{0, 20}}, [][2]int64{{2000000, 70}}, .1, " -"},
		{"before it came", [][2]int64{{1000, 20}}, [][2]int64{{500, 70}}, .5, " -"},
		{"another length", [][2]int64{{0, 20}}, [][2]int64{{200, 700}}, .1, " -"},
		{"two in two", [][2]int64{{0, 20}, {1000, 300}}, [][2]int64{{200, 70}, {1200, 350}}, .5, " 0.0 1.0"},
		{"two in one", [][2]int64{{0, 20}, {50, 300}}, [][2]int64{{250, 420}}, .5, " 0.0 0.1"},
		{"three of which one is elsewhere", [][2]int64{{0, 20}, {50, 300}, {80, 500}}, [][2]int64{{250, 420}}, .5, " 0.0 0.1 -"},
		{"overtaken", [][2]int64{{0, 20}, {50, 300}}, [][2]int64{{250, 350}, {300, 70}}, .9, " 1.0 0.0"},
		{"one record is another's", [][2]int64{{0, 300}}, [][2]int64{{150, 70}, {200, 350}}, .5, " 1.0"},
	} {
		c := chain(tt.messages, tt.records)
		on := make([]float64, len(c.Messages))
		for i := range on {
			on[i] = tt.on
		}
		if got := likely(c.Weigh(on)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// Records come before messages on the other side of the proxy.
func TestWeighBefore(t *testing.T) {
	c := chain([][2]int64{{1000, 20}, {2000, 300}}, [][2]int64{{800, 70}, {1800, 350}})
	c.After = false
	if got := likely(c.Weigh([]float64{.5, .5})); got != " 0.0 1.0" {
		t.Errorf("got %s", got)
	}
}

// A body that has a record of its own must be there.
func TestWeighApart(t *testing.T) {
	c := chain([][2]int64{{0, 20}}, [][2]int64{{180, 70}, {200, 71}, {210, 309}})
	c.Messages[0].Forms[0].Apart = 300
	c.Records[0].At -= 2000 * us // the body is too far behind it
	for range behind {
		c.Records = append([]Record{{At: c.Records[0].At, Size: 13, Idle: Certain}}, c.Records...)
	}
	ps := c.Weigh([]float64{.5})[0]
	if len(ps) == 0 || c.Records[ps[0].Record].Size != 71 {
		t.Errorf("got %v", ps)
	}
}

// Probabilities are those of all ways together: walking through every one gives the same.
func TestWeighAll(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		var messages, records [][2]int64
		at := int64(0)
		for range 1 + rnd.IntN(4) {
			at += rnd.Int64N(300)
			messages = append(messages, [2]int64{at, rnd.Int64N(60)})
		}
		at = 100
		for range 1 + rnd.IntN(3) {
			at += 1 + rnd.Int64N(400)
			records = append(records, [2]int64{at, 40 + rnd.Int64N(200)})
		}
		c := chain(messages, records)
		c.Overtake = [2]float64{}
		on := make([]float64, len(messages))
		for i := range on {
			on[i] = .1 + .8*rnd.Float64()
		}
		want := everyWay(c, on)
		got := make(map[Place]float64)
		for i, ps := range c.Weigh(on) {
			for _, p := range ps {
				got[Place{Record: i*100 + p.Record, Slot: p.Slot}] = p.P
			}
		}
		for at, p := range want {
			if math.Abs(got[at]-p) > 1e-6 {
				t.Fatalf("round %d, %+v: %v, want %v", round, at, got[at], p)
			}
		}
	}
}

// everyWay adds up all ways in which messages may go into records in order, one by one. The
// record of a place is 100 times the message and the record.
func everyWay(c *Chain, on []float64) map[Place]float64 {
	sum, total := make(map[Place]float64), 0.0
	w := &walk{Chain: c, on: on, rate: Rate(c.Records)}
	w.peak[0] = c.Delays[0].peak()
	into := make([]int, len(on)) // record of each message; -1 = elsewhere
	var try func(i, least int)
	try = func(i, least int) {
		if i < len(on) {
			into[i] = -1
			try(i+1, least)
			for r := least; r < len(c.Records); r++ {
				into[i] = r
				try(i+1, r)
			}
			return
		}
		p := w.oneWay(into)
		total += p
		slot := make(map[int]int)
		for m, r := range into {
			if r >= 0 {
				sum[Place{Record: m*100 + r, Slot: slot[r]}] += p
				slot[r]++
			}
		}
	}
	try(0, 0)
	for at := range sum {
		sum[at] /= total
	}
	return sum
}

// oneWay weighs one way.
func (w *walk) oneWay(into []int) float64 {
	p := 1.0
	in := make(map[int]*state)
	for m, r := range into {
		if r < 0 {
			p *= 1 - w.on[m]
			continue
		}
		d := w.density(&w.Messages[m], r)
		if d < w.peak[0]*unheardOf {
			return 0
		}
		p *= w.on[m] * d
		s := in[r]
		if s == nil {
			s = &state{rec: int32(r)}
			in[r] = s
			p /= w.rate
		} else {
			p /= w.peak[0]
		}
		s.n++
		s.bytes += w.Messages[m].Forms[0].Bytes + w.Sizes[0].mean()
		s.spread += w.Sizes[0].spread()
		if s.bytes > w.Records[r].Size+most(s.spread) {
			return 0
		}
	}
	for _, s := range in {
		p *= w.closed(s)
	}
	return p
}

// What is believed is as often right as it says, in a world where a proxy writes what it
// has now and then.
func TestCalibrated(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	claims, wrong, n := 0, 0, 0
	for range 30 {
		var messages, records [][2]int64
		var truth []int
		at := int64(0)
		for len(messages) < 60 {
			wake := at + 100 + rnd.Int64N(200)
			size := int64(0)
			for at < wake {
				if bytes := 20 + rnd.Int64N(200); rnd.IntN(3) > 0 { // else of another connection
					truth = append(truth, len(records))
					size += bytes + 48 + rnd.Int64N(5)
					messages = append(messages, [2]int64{at, bytes})
				} else {
					truth = append(truth, -1)
					messages = append(messages, [2]int64{at, bytes})
				}
				at += 20 + rnd.Int64N(400)
			}
			if size > 0 {
				records = append(records, [2]int64{wake, size})
			}
		}
		c := chain(messages, records)
		on := make([]float64, len(messages))
		for i := range on {
			on[i] = .67
		}
		for i, ps := range c.Weigh(on) {
			if truth[i] >= 0 {
				n++
			}
			in := make(map[int]float64)
			for _, p := range ps {
				in[p.Record] += p.P
			}
			for r, p := range in {
				if p >= .95 {
					claims++
					if r != truth[i] {
						wrong++
					}
				}
			}
		}
	}
	if claims < n*8/10 || wrong*20 > claims {
		t.Errorf("%d claims of %d, %d wrong", claims, n, wrong)
	}
}

// However many messages there are, they are weighed in sections.
func TestSections(t *testing.T) {
	var messages, records [][2]int64
	for i := range int64(3 * manyMessages) {
		messages = append(messages, [2]int64{i * 100, 20 + i%7*30})
		records = append(records, [2]int64{i*100 + 200, 70 + i%7*30})
	}
	c := chain(messages, records)
	on := make([]float64, len(messages))
	for i := range on {
		on[i] = .9
	}
	bad := 0
	for i, ps := range c.Weigh(on) {
		if len(ps) == 0 || ps[0].Record != i || ps[0].P < .9 {
			bad++
		}
	}
	if bad > len(messages)/100 {
		t.Errorf("%d of %d are not where they are", bad, len(messages))
	}
}

func BenchmarkWeigh(b *testing.B) {
	var messages, records [][2]int64
	for i := range int64(1000) {
		messages = append(messages, [2]int64{i * 100, 20 + i%7*30})
		records = append(records, [2]int64{i*100 + 200, 70 + i%7*30})
	}
	c := chain(messages, records)
	on := make([]float64, len(messages))
	for i := range on {
		on[i] = .5
	}
	for b.Loop() {
		c.Weigh(on)
	}
}
