package crossing_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
)

// A wire is a connection of a simulated world that carries calls, as HTTP/2 or
// as HTTP/1.1.
type wire struct {
	w      *world
	c      *pcap.Connection
	client *pcap.H2 // nil: HTTP/1.1
	server *pcap.H2
	next   uint32 // stream
}

func (w *world) wire(iface, src string, h2 bool) *wire {
	l := &wire{w: w, c: w.open(iface, src)}
	l.c.Handshake()
	if h2 {
		l.client, l.server, l.next = pcap.NewH2(), pcap.NewH2(), 1
		l.c.Send(l.client.Preface())
		l.c.Reply(l.server.Settings())
	}
	return l
}

// ask sends the request of exchange k, and returns its stream.
func (l *wire) ask(k int, target string, fields ...string) uint32 {
	if l.client == nil {
		l.c.Send(sim.Request("GET", target, headerLines(fields)...))
		l.w.note(k)
		return 0
	}
	id := l.next
	l.next += 2
	l.c.Send(l.client.Headers(id, true, append([]string{":method", "GET", ":scheme", "http", ":path", target, ":authority", "app"}, fields...)...))
	l.w.note(k)
	return id
}

// answer sends a response, in two packets if it is HTTP/2, and then goes on.
func (l *wire) answer(k int, stream uint32, status int, content string, then func()) {
	if l.server == nil {
		l.c.Reply(sim.Response(status, content))
		l.w.note(k)
		l.w.after(100*time.Microsecond, then)
		return
	}
	l.c.Reply(l.server.Headers(stream, false, ":status", fmt.Sprint(status), "server", "sim"))
	l.w.note(k)
	l.w.after(300*time.Microsecond, func() {
		l.c.Reply(l.server.Data(stream, true, content))
		l.w.note(k)
		l.w.after(100*time.Microsecond, then)
	})
}

func headerLines(fields []string) []string {
	var lines []string
	for i := 0; i < len(fields); i += 2 {
		lines = append(lines, fields[i]+": "+fields[i+1])
	}
	return lines
}

// An h2World is a world in which clients or the application speak HTTP/2.
type h2World struct {
	*world
	clientH2, appH2 bool
	shared          []*wire // to the application: HTTP/2, many calls at once
	idle            []*wire // HTTP/1.1
}

func playH2(seed uint64, o worldOptions, clientH2, appH2 bool) *world {
	w := &h2World{world: &world{rand: rand.New(rand.NewPCG(seed, 9)), asked: make(map[int64]int), opts: o}, clientH2: clientH2, appH2: appH2}
	for i := range o.clients {
		w.after(5*time.Millisecond, func() {
			l, lanes := w.wire("eth0", fmt.Sprintf("192.0.2.%d:%d", i+1, 40000+2*i), clientH2), 1
			if clientH2 {
				lanes = 3
			}
			for range lanes {
				w.after(2*time.Millisecond, func() { w.ask(l, o.calls) })
			}
		})
	}
	w.Play(&w.tr)
	w.damage()
	return w.world
}

// ask has a client make its next call on one of its lanes.
func (w *h2World) ask(l *wire, left int) {
	if left == 0 {
		return
	}
	k := w.done
	w.done++
	target := fmt.Sprintf("/%d", w.rand.IntN(w.opts.targets))
	var fields []string
	if w.opts.ids != "" {
		fields = []string{"x-request-id", fmt.Sprintf("%08x-0000-4000-8000-000000000000", w.rand.Uint32())}
	}
	stream := l.ask(k, target, fields...)
	w.after(300*time.Microsecond, func() {
		w.forward(k, target, append(fields, "x-proxy", "yes"), 2, func(status int, content string) {
			l.answer(k, stream, status, content, func() {
				w.after(3*time.Millisecond, func() { w.ask(l, left-1) })
			})
		})
	})
}

// up returns a connection to the application.
func (w *h2World) up() *wire {
	pool := &w.idle
	if w.appH2 {
		pool = &w.shared
	}
	n := len(*pool)
	if n == 0 || w.appH2 && n < 3 && w.rand.IntN(4) == 0 {
		l := w.wire("lo", fmt.Sprintf("127.0.0.6:%d", 50001+w.opened), w.appH2)
		if w.appH2 {
			*pool = append(*pool, l)
		}
		return l
	}
	i := w.rand.IntN(n)
	l := (*pool)[i]
	if !w.appH2 {
		*pool = append((*pool)[:i:i], (*pool)[i+1:]...)
	}
	return l
}

func (w *h2World) forward(k int, target string, fields []string, more int, answer func(status int, content string)) {
	u := w.up()
	stream := u.ask(k, target, fields...)
	w.after(2*time.Millisecond, func() {
		status, content := 200, strings.Repeat("content of "+target, 3)
		if more > 0 && w.rand.Float64() < w.opts.retries {
			status, content = 503, "busy"
		}
		u.answer(k, stream, status, content, func() {
			if !w.appH2 {
				w.idle = append(w.idle, u)
			}
			if status == 503 {
				w.forward(k, target, fields, more-1, answer)
			} else {
				answer(status, content)
			}
		})
	})
}

// As TestSimulated, with HTTP/2 on one side of the proxy or on both.
func TestSimulatedHTTP2(t *testing.T) {
	for _, sides := range []struct {
		name            string
		clientH2, appH2 bool
	}{{"clients", true, false}, {"application", false, true}, {"both", true, true}} {
		for _, tt := range []struct {
			name   string
			o      worldOptions
			recall float64
		}{
			{"ids", worldOptions{clients: 4, calls: 5, targets: 3, ids: "both"}, 1},
			{"ids, retries", worldOptions{clients: 4, calls: 5, targets: 3, ids: "both", retries: 0.2}, 1},
			{"no ids", worldOptions{clients: 4, calls: 5, targets: 4}, 0},
			{"no ids, retries", worldOptions{clients: 4, calls: 5, targets: 4, retries: 0.2}, 0},
			{"loss", worldOptions{clients: 4, calls: 5, targets: 3, ids: "both", loss: 0.03}, 0},
			{"loss, no ids", worldOptions{clients: 4, calls: 5, targets: 3, loss: 0.03}, 0},
			{"late", worldOptions{clients: 4, calls: 5, targets: 3, ids: "both", late: 0.4}, 0},
			{"late, no ids", worldOptions{clients: 4, calls: 5, targets: 3, late: 0.4}, 0},
			{"all at once", worldOptions{clients: 4, calls: 5, targets: 3, retries: 0.1, loss: 0.03, late: 0.3, noSYN: true}, 0},
		} {
			t.Run(sides.name+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				var sum score
				n := 0
				for seed := range uint64(12) {
					w := playH2(seed, tt.o, sides.clientH2, sides.appH2)
					r := sim.Stitch(t, &w.tr)
					s := w.judge(t, r)
					if _, err := r.WriteCapture(t.Context(), io.Discard, nil); err != nil {
						t.Errorf("seed %d: %v", seed, err)
					}
					if s.wrong+s.unpaired > 0 || s.blind > 0 && tt.o.loss == 0 && tt.o.late == 0 {
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
}
