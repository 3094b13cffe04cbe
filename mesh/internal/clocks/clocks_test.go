package clocks

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
)

const (
	client = "10.244.1.10:40000"
	server = "10.244.2.20:8080"
	delay  = 30 * time.Microsecond // of the network, one way
)

// A host is who captured packets, and what its clock shows.
type host struct {
	late  bool // it is at the server's end of the network
	ahead time.Duration
	drift float64
}

// see gives the packets of a connection the times at which the host saw them.
func (h host) see(c *pcap.Connection) *pcap.Trace {
	begun := capture.Time(0)
	c.Filter(func(p *pcap.Packet) bool {
		if p.Key != c.Last(0).Key && p.Key != c.Last(0).Key.Reverse() {
			return true // of another connection
		}
		if begun == 0 {
			begun = p.Time
		}
		at := time.Duration(p.Time)
		switch {
		case h.late && p.Key.DstPort == 8080:
			at += delay
		case h.late:
			at -= delay
		}
		p.Time = capture.Time(at + h.ahead + time.Duration(float64(p.Time-begun)*h.drift))
		return true
	})
	return c.Trace
}

// talk adds a connection with n requests and answers, one every 100 ms.
func talk(tr *pcap.Trace, from, to string, isn uint32, n int) *pcap.Connection {
	c := tr.Conn(from, to).Timestamps().ISN(isn, isn+7)
	c.Handshake()
	for range n {
		c.Send("question")
		c.Reply("answer")
		c.Ack()
		tr.Wait(100 * time.Millisecond)
	}
	c.Close()
	return c
}

// read reads what pods saw, and puts it on one clock.
func read(t *testing.T, names []string, traces ...*pcap.Trace) (*index.Index, []Clock) {
	t.Helper()
	w := new(testindex.World)
	for i, tr := range traces {
		w.Pods = append(w.Pods, testindex.Pod{Name: names[i], Trace: tr})
	}
	x := w.Read(t).Index
	return x, Align(x, names)
}

// The clock of a second pod is measured, and what was read of it put right: every packet
// is seen there when it passed, whatever the clock showed.
func TestAlign(t *testing.T) {
	bulk := func() *pcap.Connection { // one way, in pieces longer than a packet
		tr := new(pcap.Trace)
		c := tr.Conn(client, server).Timestamps()
		c.Handshake()
		for range 50 {
			c.Send(strings.Repeat("x", 60000))
			c.AckReply()
			tr.Wait(100 * time.Millisecond)
		}
		return c
	}
	midstream := func() *pcap.Connection {
		c := talk(new(pcap.Trace), client, server, 1000, 60)
		c.DropFirst(3)
		return c
	}
	ordinary := func() *pcap.Connection { return talk(new(pcap.Trace), client, server, 1000, 60) }
	for _, tt := range []struct {
		name  string
		trace func() *pcap.Connection
		far   host
		right bool
	}{
		{"one clock", ordinary, host{true, 0, 0}, true},
		{"0.2 ms behind", ordinary, host{true, -200 * time.Microsecond, 0}, false},
		{"421.1 ms ahead", ordinary, host{true, 421100 * time.Microsecond, 0}, false},
		{"an hour behind", ordinary, host{true, -time.Hour, 0}, false},
		{"50 ppm fast", ordinary, host{true, 3 * time.Millisecond, 50e-6}, false},
		{"bulk one way, 50 ppm slow", bulk, host{true, 0, -50e-6}, false},
		{"from the middle", midstream, host{true, -2 * time.Second, 0}, false},
		{"only a handshake", func() *pcap.Connection { return talk(new(pcap.Trace), client, server, 1000, 0) }, host{true, time.Second, 0}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x, clocks := read(t, []string{"a", "b"}, host{}.see(tt.trace()), tt.far.see(tt.trace()))
			if clocks[1].Against != 0 || clocks[1].Alone || clocks[1].Connections != 1 || clocks[0].Correction != nil {
				t.Fatalf("clocks %+v", clocks)
			}
			if clocks[1].Right() != tt.right || clocks[1].Error > int64(8*delay) {
				t.Errorf("right %v, error %d", clocks[1].Right(), clocks[1].Error)
			}
			n := index.HalfNo(x.Len() / 2)
			for h := range n {
				p, q := x.Half(h+1), x.Half(n+h+1)
				late := q.FirstTime - p.FirstTime
				if h == 1 {
					late = -late // an answer is there before it is here
				}
				if late < -1000 || late > capture.Time(2*delay+1000) {
					t.Errorf("half %d is %d ns late", h+1, late)
				}
			}
		})
	}
}

// One connection that NAT gives other ends is found by its first timestamp; what has
// only its numbers in common is another one.
func TestShared(t *testing.T) {
	plain := func(from, to string, ts bool) *pcap.Connection {
		tr := new(pcap.Trace)
		c := tr.Conn(from, to)
		if ts {
			c.Timestamps()
		}
		c.Handshake()
		c.Close()
		return c
	}
	for _, tt := range []struct {
		name     string
		from, to string
		ts       bool
		shared   bool
	}{
		{"the same ends", client, server, false, true},
		{"the server's name changed", client, "10.96.0.1:8080", false, true},
		{"both changed, timestamps", "192.0.2.1:7", "10.96.0.1:8080", true, true},
		{"both changed, no timestamps", "192.0.2.1:7", "10.96.0.1:8080", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, clocks := read(t, []string{"a", "b"}, host{}.see(plain(client, server, tt.ts)), host{true, time.Second, 0}.see(plain(tt.from, tt.to, tt.ts)))
			if clocks[1].Alone == tt.shared {
				t.Errorf("shared %v, want %v", !clocks[1].Alone, tt.shared)
			}
		})
	}
}

// Which pod is named first does not matter; the first by name counts. A pod is reached
// along others, and one that shares nothing is left alone.
func TestThreePods(t *testing.T) {
	const far3 = "10.244.3.30:8080"
	ahead := map[string]time.Duration{"a": 0, "b": 5 * time.Second, "c": -7 * time.Second}
	capture := func(name string) *pcap.Trace { // a asks b, b asks c, and d talks to others
		tr := new(pcap.Trace)
		for _, c := range []struct {
			from, to string
			isn      uint32
			seenBy   string
		}{{client, server, 1000, "ab"}, {"10.244.2.20:50000", far3, 5000, "bc"}, {"10.244.9.9:1", "10.244.9.8:8080", 9000, "d"}} {
			before := tr.Len()
			part := talk(tr, c.from, c.to, c.isn, 3)
			if strings.Contains(c.seenBy, name) {
				host{late: c.seenBy[0] != name[0], ahead: ahead[name]}.see(part)
			} else {
				tr.Lose(tr.Len() - before)
			}
		}
		return tr
	}
	for _, names := range [][]string{{"a", "b", "c", "d"}, {"d", "c", "b", "a"}, {"b", "d", "a", "c"}} {
		var traces []*pcap.Trace
		for _, n := range names {
			traces = append(traces, capture(n))
		}
		x, clocks := read(t, names, traces...)
		at := func(n string) int { return slices.Index(names, n) }
		for n, ahead := range ahead {
			c := clocks[at(n)]
			now := int64(time.Hour)
			if off := c.Correct(now) - now + int64(ahead); c.Alone || c.Against != at("a") || off > int64(2*delay) || -off > int64(2*delay) {
				t.Errorf("%v: clock of %s: %+v, off by %d", names, n, c, off)
			}
		}
		if d := clocks[at("d")]; !d.Alone || d.Against != at("a") {
			t.Errorf("%v: clock of d: %+v", names, d)
		}
		if x.Comparable(at("a"), at("d")) || !x.Comparable(at("a"), at("c")) {
			t.Errorf("%v: comparable %v", names, x.Clocks)
		}
	}
}

// Two captures of one place have the same times to a microsecond, and share all the same.
func TestOnePlace(t *testing.T) {
	see := func(ahead time.Duration) *pcap.Trace {
		return host{ahead: ahead}.see(talk(new(pcap.Trace), client, server, 1000, 3))
	}
	for _, ahead := range []time.Duration{0, 3 * time.Second} {
		_, clocks := read(t, []string{"a", "b"}, see(0), see(ahead))
		if c := clocks[1]; c.Alone || c.Connections != 1 || c.Correct(int64(time.Hour)) != int64(time.Hour-ahead) {
			t.Errorf("ahead by %v: %+v", ahead, c)
		}
	}
}

// A single pod has nothing to be held against.
func TestOnePod(t *testing.T) {
	x, clocks := read(t, []string{""}, talk(new(pcap.Trace), client, server, 1000, 1).Trace)
	if len(clocks) != 1 || !clocks[0].Right() || clocks[0].Alone || x.Marks(1) != nil {
		t.Errorf("%+v", clocks)
	}
}

// Where what three pods share contradicts itself nobody knows whose clock is right, and
// nothing is compared by time. A fourth pod tells.
func TestContradiction(t *testing.T) {
	ends := map[string]string{"a": "10.244.1.10", "b": "10.244.2.20", "c": "10.244.3.30", "d": "10.244.4.40"}
	capture := func(names []string, name string) *pcap.Trace { // all talk to each other
		tr := new(pcap.Trace)
		for i, from := range names {
			for k, to := range names[:i] {
				before := tr.Len()
				part := talk(tr, ends[from]+":40000", ends[to]+":8080", uint32(1000*i+100*k), 30)
				tr.Wait(-3 * time.Second) // all at once
				if name != from && name != to {
					tr.Lose(tr.Len() - before)
					continue
				}
				h := host{late: name == to}
				if from+to == "cb" && name == "c" {
					h.ahead = time.Second
				}
				h.see(part)
			}
		}
		return tr
	}
	for _, names := range [][]string{{"a", "b", "c"}, {"a", "b", "c", "d"}} {
		var traces []*pcap.Trace
		for _, n := range names {
			traces = append(traces, capture(names, n))
		}
		x, clocks := read(t, names, traces...)
		known := len(names) == 4
		for i, want := range [][]int{{1, 2}, {0, 2}, {0, 1}, nil}[:len(names)] {
			if known && i < 3 {
				want = [][]int{nil, {2}, {1}}[i]
			}
			if c := clocks[i]; c.Alone != (i > 0 && !known) || !slices.Equal(c.Contradicts, want) || !c.Right() {
				t.Errorf("%v: clock of %s: %+v, want contradictions %v", names, names[i], c, want)
			}
			if x.Comparable(0, i) != (i == 0 || known) {
				t.Errorf("%v: comparable %v", names, x.Clocks)
			}
		}
	}
}
