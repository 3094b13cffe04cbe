package crossing_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// A world is a simulated pod: clients that ask one thing after the other, a
// proxy that shares its connections to the application among them, and what
// was captured of it.
type world struct {
	rand *rand.Rand
	tr   pcap.Trace
	sim.Schedule
	idle   []*pcap.Connection
	opened int
	done   int
	asked  map[int64]int // exchange by the time of its packets, on either side
	opts   worldOptions
}

// worldOptions says what a world is like.
type worldOptions struct {
	clients, calls, targets int
	ids                     string  // who sets request ids: "", "clients", "proxy" or "both"
	retries                 float64 // share of attempts that fail
	loss                    float64 // share of packets that are not captured
	late                    float64 // share of the packets before the capture begins
	early                   float64 // share of the packets after it ended
	cut                     string  // the interface whose capture begins late or ends early; "": both
	noSYN                   bool
}

// after schedules something up to some time from now.
func (w *world) after(most time.Duration, do func()) {
	w.After(100*time.Microsecond+time.Duration(w.rand.Int64N(int64(most))), do)
}

// play runs the world to its end and returns its trace.
func play(seed uint64, o worldOptions) *world {
	w := &world{rand: rand.New(rand.NewPCG(seed, 7)), asked: make(map[int64]int), opts: o}
	for i := range o.clients {
		c := w.open("eth0", fmt.Sprintf("192.0.2.%d:%d", i+1, 40000+2*i))
		left := o.calls
		w.after(5*time.Millisecond, func() { c.Handshake(); w.ask(c, left) })
	}
	w.Play(&w.tr)
	w.damage()
	return w
}

func (w *world) open(iface, src string) *pcap.Connection {
	w.opened++
	return sim.On(&w.tr, iface, src, sim.App).ISN(w.rand.Uint32(), w.rand.Uint32()).Step(time.Nanosecond)
}

// note remembers to which exchange the last packet belongs.
func (w *world) note(k int) { w.asked[int64(w.tr.Last(0).Time)] = k }

// ask has a client make its next call.
func (w *world) ask(c *pcap.Connection, left int) {
	if left == 0 {
		c.Close()
		return
	}
	k := w.done
	w.done++
	target := fmt.Sprintf("/%d", w.rand.IntN(w.opts.targets))
	var fields []string
	id := fmt.Sprintf("x-request-id: %08x", w.rand.Uint32())
	if w.opts.ids == "clients" || w.opts.ids == "both" {
		fields = append(fields, id)
	}
	c.Send(sim.Request("GET", target, fields...))
	w.note(k)
	if w.opts.ids == "proxy" {
		fields = append(fields, id)
	}
	w.after(300*time.Microsecond, func() {
		w.forward(sim.Request("GET", target, append(fields, "x-proxy: yes")...), target, k, 2, func(answer string) {
			c.Reply(answer)
			w.note(k)
			w.after(3*time.Millisecond, func() { c.Ack(); w.ask(c, left-1) })
		})
	})
}

// forward has the proxy pass on a request over an idle connection or a new
// one, again if the application fails.
func (w *world) forward(req, target string, k, more int, answer func(string)) {
	var u *pcap.Connection
	if n := len(w.idle); n > 0 {
		i := w.rand.IntN(n)
		u, w.idle = w.idle[i], append(w.idle[:i:i], w.idle[i+1:]...)
	} else {
		u = w.open("lo", fmt.Sprintf("127.0.0.6:%d", 50001+w.opened))
		u.Handshake()
	}
	u.Send(req)
	w.note(k)
	w.after(2*time.Millisecond, func() {
		resp, failed := sim.Response(200, strings.Repeat("content of "+target, 3)), more > 0 && w.rand.Float64() < w.opts.retries
		if failed {
			resp = sim.Response(503, "busy")
		}
		u.Reply(resp)
		w.note(k)
		w.after(200*time.Microsecond, func() {
			w.idle = append(w.idle, u)
			if failed {
				w.forward(req, target, k, more-1, answer)
			} else {
				answer(resp)
			}
		})
	})
}

// damage takes from the capture what the options say.
func (w *world) damage() {
	from, to := int(w.opts.late*float64(w.tr.Len())), int((1-w.opts.early)*float64(w.tr.Len()))
	n := 0
	w.tr.Filter(func(p *pcap.Packet) bool {
		n++
		return n > from && n <= to || w.opts.cut != "" && p.Interface != w.opts.cut
	})
	w.tr.Filter(func(p *pcap.Packet) bool {
		return w.rand.Float64() >= w.opts.loss && (!w.opts.noSYN || p.Flags&tcpip.FlagSYN == 0)
	})
}

// A score counts what became of the exchanges of a world.
type score struct{ right, ambiguous, wrong, unpaired, blind int }

func (s *score) String() string {
	return fmt.Sprintf("%d right, %d ambiguous (%d without the true one), %d WRONG, %d wrong pairs of request and response", s.right, s.ambiguous, s.blind, s.wrong, s.unpaired)
}

// judge holds a result against what happened in the world.
func (w *world) judge(t *testing.T, r *mesh.Result) *score {
	t.Helper()
	s := new(score)
	at := make(map[[2]int64]int) // exchange by leg and start of the request
	sim.EachHop(r, func(_ *flow.Path, e *flow.Exchange, i int) {
		h := &e.Hops[i]
		if h.RequestStart != 0 {
			at[[2]int64{int64(h.Leg), h.Request[0]}] = w.of(h)
		}
		if a, ok := w.asked[int64(h.RequestStart)]; ok && h.ResponseStart != 0 && a != w.asked[int64(h.ResponseStart)] {
			s.unpaired++
			t.Errorf("leg %d: the request of exchange %d with the response of %d", h.Leg, a, w.asked[int64(h.ResponseStart)])
		}
	})
	sim.EachHop(r, func(p *flow.Path, e *flow.Exchange, i int) {
		if i > 0 {
			w.hop(t, s, p, e, i, at)
		}
	})
	return s
}

// hop judges one tie.
func (w *world) hop(t *testing.T, s *score, p *flow.Path, e *flow.Exchange, i int, at map[[2]int64]int) {
	t.Helper()
	h, k := &e.Hops[i], w.of(&e.Hops[0])
	named := w.of(h) == k
	switch {
	case !h.Ambiguous && named:
		s.right++
		return
	case !h.Ambiguous:
		s.wrong++
		t.Errorf("%s %s of %s (exchange %d) is tied to exchange %d: %+v", e.Method, e.Target, p.Client, k, w.of(h), h.Evidence)
		return
	}
	s.ambiguous++
	for _, v := range h.Rivals {
		named = named || at[[2]int64{int64(v.Leg), v.Request[0]}] == k
	}
	if !named {
		s.blind++
	}
}

// of tells which exchange a hop really is.
func (w *world) of(h *flow.Hop) int {
	at := h.RequestStart
	if at == 0 {
		at = h.ResponseStart
	}
	return w.asked[int64(at)]
}

// In random traffic nothing that is said for sure is wrong, whatever was not
// captured; and where all was, the true one is always named.
func TestSimulated(t *testing.T) {
	for _, tt := range []struct {
		name   string
		o      worldOptions
		recall float64 // least share of exchanges that are tied for sure
	}{
		{"ids", worldOptions{clients: 6, calls: 6, targets: 3, ids: "both"}, 1},
		{"ids of the clients, retries", worldOptions{clients: 6, calls: 6, targets: 3, ids: "both", retries: 0.2}, 1},
		{"ids of the proxy", worldOptions{clients: 6, calls: 6, targets: 3, ids: "proxy"}, 0},
		{"no ids", worldOptions{clients: 6, calls: 6, targets: 3}, 0},
		{"no ids, retries", worldOptions{clients: 5, calls: 6, targets: 4, retries: 0.2}, 0},
		{"one target", worldOptions{clients: 4, calls: 8, targets: 1}, 0},
		{"loss", worldOptions{clients: 6, calls: 6, targets: 3, ids: "both", loss: 0.03}, 0},
		{"loss, no ids", worldOptions{clients: 6, calls: 6, targets: 3, loss: 0.03}, 0.35},
		{"late", worldOptions{clients: 6, calls: 6, targets: 3, ids: "both", late: 0.4}, 0},
		{"late, no ids", worldOptions{clients: 6, calls: 6, targets: 3, late: 0.4}, 0.48}, // 0.6 were captured
		{"late on eth0", worldOptions{clients: 6, calls: 6, targets: 3, late: 0.4, cut: "eth0"}, 0},
		{"late on lo", worldOptions{clients: 6, calls: 6, targets: 3, late: 0.4, cut: "lo"}, 0},
		{"late on eth0, retries", worldOptions{clients: 6, calls: 6, targets: 3, retries: 0.2, late: 0.4, cut: "eth0"}, 0},
		{"early on eth0", worldOptions{clients: 6, calls: 6, targets: 3, early: 0.4, cut: "eth0"}, 0},
		{"early on lo", worldOptions{clients: 6, calls: 6, targets: 3, early: 0.4, cut: "lo"}, 0},
		{"early and late", worldOptions{clients: 6, calls: 6, targets: 3, early: 0.3, late: 0.3}, 0},
		{"no SYN, no ids", worldOptions{clients: 6, calls: 6, targets: 3, noSYN: true}, 0.9},
		{"a crowd", worldOptions{clients: 25, calls: 5, targets: 2, retries: 0.1}, 0},
		{"all at once", worldOptions{clients: 6, calls: 6, targets: 3, retries: 0.1, loss: 0.03, late: 0.3, noSYN: true}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var sum score
			n := 0
			for seed := range uint64(25) {
				w := play(seed, tt.o)
				r := sim.Stitch(t, &w.tr)
				s := w.judge(t, r)
				if _, err := r.WriteCapture(t.Context(), io.Discard, nil); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
				if s.wrong+s.unpaired > 0 || s.blind > 0 && tt.o.loss == 0 && tt.o.late == 0 && tt.o.early == 0 {
					t.Errorf("seed %d: %v", seed, s)
				}
				sum.right, sum.ambiguous, sum.blind, sum.wrong = sum.right+s.right, sum.ambiguous+s.ambiguous, sum.blind+s.blind, sum.wrong+s.wrong
				n += w.done
			}
			t.Logf("%d exchanges: %v", n, &sum)
			if float64(sum.right) < tt.recall*float64(n) {
				t.Errorf("%d of %d exchanges are tied, at least %.0f %% expected", sum.right, n, 100*tt.recall)
			}
		})
	}
}
