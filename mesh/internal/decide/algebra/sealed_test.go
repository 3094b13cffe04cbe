package algebra_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// A packing is what a client and a proxy make of TLS.
type packing struct {
	name string
	tls  pcap.TLSConfig
}

// packings lists the handshakes that meshes show.
func packings() []packing {
	return []packing{
		{"OpenSSL, mutual", pcap.TLSConfig{Mutual: true}},
		{"BoringSSL, mutual", pcap.TLSConfig{Packing: pcap.PackBoringSSL, Mutual: true, ALPN: []string{"istio-http/1.1"}, SNI: "outbound_.8080_._.app"}},
		{"Go, mutual", pcap.TLSConfig{Packing: pcap.PackGo, Mutual: true}},
		{"1.2", pcap.TLSConfig{Version: 0x0303}},
		{"OpenSSL", pcap.TLSConfig{}},
		{"OpenSSL, SHA-384", pcap.TLSConfig{Suite: 0x1302}},
		{"OpenSSL, no certificate", pcap.TLSConfig{Asked: true}},
		{"OpenSSL, resumed", pcap.TLSConfig{Resumed: true}},
		{"OpenSSL, resumed, no tickets", pcap.TLSConfig{Resumed: true, Tickets: []int{}}},
		{"OpenSSL, early data", pcap.TLSConfig{Resumed: true, EarlyData: 100}},
		{"OpenSSL, HelloRetryRequest", pcap.TLSConfig{Retry: true}},
		{"BoringSSL", pcap.TLSConfig{Packing: pcap.PackBoringSSL}},
		{"BoringSSL, resumed", pcap.TLSConfig{Packing: pcap.PackBoringSSL, Mutual: true, Resumed: true}},
		{"BoringSSL, no tickets", pcap.TLSConfig{Packing: pcap.PackBoringSSL, Mutual: true, Tickets: []int{}}},
		{"BoringSSL, HelloRetryRequest", pcap.TLSConfig{Packing: pcap.PackBoringSSL, Mutual: true, Retry: true}},
		{"Go", pcap.TLSConfig{Packing: pcap.PackGo}},
		{"Go, resumed", pcap.TLSConfig{Packing: pcap.PackGo, Resumed: true}},
		{"1.2, BoringSSL, mutual", pcap.TLSConfig{Packing: pcap.PackBoringSSL, Version: 0x0303, Mutual: true}},
		{"1.2, ChaCha20", pcap.TLSConfig{Packing: pcap.PackGo, Version: 0x0303, Suite: 0xcca8}},
		{"1.2, resumed", pcap.TLSConfig{Version: 0x0303, Resumed: true}},
	}
}

// usual is how many of the packings are tried in every kind of traffic.
const usual = 4

// overPool is HTTP over a pool of upstream connections.
func overPool() sim.SealedOptions { return sim.SealedOptions{Conns: 24, Calls: 6, Identities: 3} }

// oneToOne is bytes forwarded over an upstream connection of their own.
func oneToOne() sim.SealedOptions {
	return sim.SealedOptions{Conns: 40, Calls: 6, Identities: 3, TCP: true}
}

// Whatever packs its records, every exchange, and byte for byte every
// connection, is tied to its true counterpart.
func TestSealed(t *testing.T) {
	for _, tt := range []struct {
		name  string
		o     sim.SealedOptions
		all   bool    // all packings
		least float64 // share that is tied rightly
		wrong float64 // share of what is said for sure, at the most
	}{
		{"pooled", overPool(), true, 1, 0},
		{"pooled, request with Finished", overPool().With(func(o *sim.SealedOptions) { o.SameFlight = true }), true, 1, 0},
		{"pooled, late tickets", overPool().With(func(o *sim.SealedOptions) { o.LateTickets = true }), false, 1, 0},
		{"pooled, request with Finished, late tickets", overPool().With(func(o *sim.SealedOptions) { o.SameFlight, o.LateTickets = true, true }), false, 1, 0},
		{"pooled, two workers", overPool().With(func(o *sim.SealedOptions) { o.Workers = 2 }), false, 1, 0},
		{"pooled, slow application", overPool().With(func(o *sim.SealedOptions) { o.Think, o.Serve = 300*time.Microsecond, 3*time.Millisecond }), false, 0.99, 0},
		{"pooled, sent twice", overPool().With(func(o *sim.SealedOptions) { o.Again = 0.05 }), false, 1, 0},
		{"pooled, out of order", overPool().With(func(o *sim.SealedOptions) { o.Swapped = 0.3 }), false, 1, 0},
		{"pooled, packets missing", overPool().With(func(o *sim.SealedOptions) { o.Loss = 0.01 }), false, 0.93, 0.005},
		{"outbound", overPool().With(func(o *sim.SealedOptions) { o.Outbound = true }), false, 1, 0},
		{"outbound, two workers", overPool().With(func(o *sim.SealedOptions) { o.Outbound, o.Workers = true, 2 }), false, 1, 0},
		{"outbound, packets missing", overPool().With(func(o *sim.SealedOptions) { o.Outbound, o.Loss = true, 0.01 }), false, 0.92, 0.005},
		{"one exchange each", overPool().With(func(o *sim.SealedOptions) { o.Conns, o.Calls, o.Ramp = 100, 1, 20*time.Millisecond }), false, 1, 0},
		{"one exchange each, with Finished", overPool().With(func(o *sim.SealedOptions) { o.Conns, o.Calls, o.Ramp, o.SameFlight = 100, 1, 20*time.Millisecond, true }), false, 0.99, 0},
		{"one client", overPool().With(func(o *sim.SealedOptions) { o.Conns, o.Calls = 1, 12 }), true, 1, 0},
		{"one exchange", overPool().With(func(o *sim.SealedOptions) { o.Conns, o.Calls = 1, 1 }), true, 1, 0},
		{"forwarded", oneToOne(), true, 1, 0},
		{"forwarded, server first", oneToOne().With(func(o *sim.SealedOptions) { o.ServerFirst = true }), true, 1, 0},
		{"forwarded outbound", oneToOne().With(func(o *sim.SealedOptions) { o.Outbound = true }), false, 1, 0},
		{"forwarded, all at once", oneToOne().With(func(o *sim.SealedOptions) { o.Ramp = time.Microsecond }), false, 1, 0},
		{"forwarded, one turn", oneToOne().With(func(o *sim.SealedOptions) { o.Calls = 1 }), false, 1, 0},
		{"forwarded, one connection", oneToOne().With(func(o *sim.SealedOptions) { o.Conns = 1 }), false, 1, 0},
		{"forwarded, sent twice", oneToOne().With(func(o *sim.SealedOptions) { o.Again = 0.05 }), false, 1, 0},
		{"forwarded, out of order", oneToOne().With(func(o *sim.SealedOptions) { o.Swapped = 0.3 }), false, 1, 0},
		{"forwarded, packets missing", oneToOne().With(func(o *sim.SealedOptions) { o.Loss = 0.01 }), false, 0.93, 0.005},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var sum sim.SealedScore
			for i, p := range packings() {
				if i >= usual && !tt.all || p.tls.Version == 0x0303 && (tt.o.SameFlight || tt.o.LateTickets) {
					continue // TLS 1.2 has no data in the client's last flight
				}
				w := sim.PlaySealed(uint64(i), tt.o.With(func(o *sim.SealedOptions) {
					o.TLS = p.tls
					if i >= usual {
						o.Conns /= 2 // only their handshakes are new
					}
				}))
				s := w.Judge(w.Stitch(t, "eth0", "lo"))
				sum.Add(s)
				if s.Right < s.All {
					t.Logf("%s: %v", p.name, s)
				}
				for _, x := range s.Wrong {
					t.Logf("%s: %s", p.name, x)
				}
			}
			t.Log(&sum)
			if float64(sum.Right) < tt.least*float64(sum.All) {
				t.Errorf("%v; %.1f %% expected", &sum, 100*tt.least)
			}
			if float64(len(sum.Wrong)) > tt.wrong*float64(sum.Right) {
				t.Errorf("%v", &sum)
			}
		})
	}
}

// alike is traffic in which all exchanges are as long.
func alike(o sim.SealedOptions) sim.SealedOptions {
	return o.With(func(o *sim.SealedOptions) { o.Alike = true })
}

// Of exchanges that look alike nearly nothing wrong is said, and the true one is among
// those that are named, most often first. Delays alone tie none; the order in which a
// saturated proxy works does.
func TestSealedAlike(t *testing.T) {
	saturated := func(o *sim.SealedOptions) {
		o.Conns, o.Calls, o.Identities, o.Loop, o.Think, o.Serve = 30, 12, 1, 150*time.Microsecond, 50*time.Microsecond, 100*time.Microsecond
	}
	for _, tt := range []struct {
		name  string
		o     sim.SealedOptions
		least float64 // share that is tied rightly, or guessed
	}{
		{"pooled", alike(overPool()), 0.8},
		{"outbound", alike(overPool()).With(func(o *sim.SealedOptions) { o.Outbound = true }), 0.5},
		{"burst", alike(overPool()).With(func(o *sim.SealedOptions) { o.Conns, o.Calls, o.Identities = 100, 1, 1 }), 0.3},
		{"saturated", alike(overPool()).With(saturated), 0.75},
		{"saturated outbound", alike(overPool()).With(saturated).With(func(o *sim.SealedOptions) { o.Outbound = true }), 0.75},
		{"saturated, packets missing", alike(overPool()).With(saturated).With(func(o *sim.SealedOptions) { o.Loss = 0.01 }), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var sum sim.SealedScore
			for seed := range uint64(3) {
				w := sim.PlaySealed(seed, tt.o.With(func(o *sim.SealedOptions) { o.TLS = packings()[seed].tls }))
				sum.Add(w.Judge(w.Stitch(t, "eth0", "lo")))
			}
			t.Log(&sum)
			if float64(sum.Right+sum.Guessed) < tt.least*float64(sum.All) || len(sum.Wrong)*100 > sum.Right+len(sum.Wrong) || tt.o.Loss == 0 && sum.Blind*100 > sum.All {
				t.Errorf("%v; at least %.0f %% right or guessed and at most 1 %% wrong expected", &sum, 100*tt.least)
			}
			for _, x := range sum.Wrong[:min(len(sum.Wrong), 3)] {
				t.Log(x)
			}
		})
	}
}

// A capture that does not have everything leaves exchanges untied, but ties none
// wrongly; nearly none where most records are cut.
func TestSealedDamage(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*sim.SealedWorld)
		least float64 // share that is tied rightly
		wrong float64 // share of what is said for sure, at the most
	}{
		{"begun late", func(w *sim.SealedWorld) { w.Trace.DropFirst(w.Trace.Len() / 3) }, 0.5, 0},
		{"ended early", func(w *sim.SealedWorld) { w.Trace.Lose(w.Trace.Len() / 3) }, 0.5, 0},
		{"without SYN", func(w *sim.SealedWorld) {
			w.Trace.Filter(func(p *pcap.Packet) bool { return p.Flags&tcpip.FlagSYN == 0 })
		}, 0.99, 0},
		{"without hellos", func(w *sim.SealedWorld) {
			w.Trace.Filter(func(p *pcap.Packet) bool { return len(p.Bytes) == 0 || p.Bytes[0] != 22 || w.Rand.IntN(3) > 0 })
		}, 0.95, 0},
		{"reset", func(w *sim.SealedWorld) {
			w.Trace.Filter(func(p *pcap.Packet) bool {
				if p.Flags&tcpip.FlagFIN != 0 {
					p.Flags = p.Flags&^tcpip.FlagFIN | tcpip.FlagRST
				}
				return true
			})
		}, 0.99, 0},
		{"cut", func(w *sim.SealedWorld) {
			w.Trace.Filter(func(p *pcap.Packet) bool { p.Cut = 30; return true })
		}, 0.7, 0.01},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var sum sim.SealedScore
			for i, o := range []sim.SealedOptions{overPool(), overPool().With(func(o *sim.SealedOptions) { o.Outbound = true }), oneToOne()} {
				for seed, p := range packings()[:usual-1] {
					w := sim.PlaySealed(uint64(10*i+seed), o.With(func(o *sim.SealedOptions) { o.TLS = p.tls }))
					tt.spoil(w)
					sum.Add(w.Judge(w.Stitch(t, "eth0", "lo")))
				}
			}
			t.Log(&sum)
			if float64(sum.Right) < tt.least*float64(sum.All) || float64(len(sum.Wrong)) > tt.wrong*float64(sum.Right) {
				t.Errorf("%v; %.0f %% right and at most %.0f %% wrong expected", &sum, 100*tt.least, 100*tt.wrong)
			}
			for _, x := range sum.Wrong {
				t.Log(x)
			}
		})
	}
}

// Of ties of some confidence at least as many are true.
func TestSealedConfidence(t *testing.T) {
	outbound := func(o *sim.SealedOptions) { o.Outbound = true }
	damaged := func(o *sim.SealedOptions) { o.Loss = 0.02 }
	t.Parallel()
	var all, right [2]int // by bar
	least := [2]float64{0.99, 0.9}
	for i, o := range []sim.SealedOptions{
		alike(overPool()), alike(overPool()).With(outbound), alike(overPool()).With(damaged), alike(overPool()).With(outbound).With(damaged),
		overPool().With(damaged), overPool().With(outbound).With(damaged),
		alike(overPool()).With(func(o *sim.SealedOptions) { o.Conns, o.Calls, o.Identities = 100, 1, 1 }),
		alike(overPool()).With(damaged).With(func(o *sim.SealedOptions) { o.Loop, o.Think = 100*time.Microsecond, 4*time.Millisecond }),
	} {
		for seed := range uint64(4) {
			w := sim.PlaySealed(1000+10*uint64(i)+seed, o.With(func(o *sim.SealedOptions) { o.TLS = packings()[seed].tls }))
			r := w.Stitch(t, "eth0", "lo")
			sim.EachHop(r, func(p *flow.Path, e *flow.Exchange, i int) {
				for k := range least {
					if h := &e.Hops[i]; i > 0 && h.Confidence >= least[k] {
						all[k]++
						right[k] += b2i(w.Which(r, h) == w.Which(r, &e.Hops[0]))
					}
				}
			})
		}
	}
	for k := range least {
		t.Logf("confidence %.2f and more: %d of %d right", least[k], right[k], all[k])
		if all[k] < 1000 || float64(right[k]) < least[k]*float64(all[k]) {
			t.Errorf("confidence %.2f and more: %d of %d right", least[k], right[k], all[k])
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// What ties exchanges has nothing to do with the addresses and ports of
// clients, nor with the order of the files.
func TestSealedNames(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    sim.SealedOptions
	}{
		{"pooled", overPool().With(func(o *sim.SealedOptions) { o.Loss, o.Again = 0.02, 0.02 })},
		{"forwarded", oneToOne().With(func(o *sim.SealedOptions) { o.Loss, o.Again = 0.02, 0.02 })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for i, p := range packings()[:usual] {
				w := sim.PlaySealed(uint64(i), tt.o.With(func(o *sim.SealedOptions) { o.TLS = p.tls }))
				want := story(w, w.Stitch(t, "eth0", "lo"))
				if got := story(w, w.Stitch(t, "lo", "eth0")); !slices.Equal(got, want) {
					t.Errorf("%s: the order of files changes %s", p.name, firstDifference(got, want))
				}
				w.Rename(99)
				if got := story(w, w.Stitch(t, "eth0", "lo")); !slices.Equal(got, want) {
					t.Errorf("%s: other names change %s", p.name, firstDifference(got, want))
				}
			}
		})
	}
}

// story tells what is said of every tie, without a name.
func story(w *sim.SealedWorld, r *mesh.Result) []string {
	var out []string
	number := func(leg int) string {
		if i, ok := w.Clients[r.Legs[leg].Orig.Src]; ok {
			return fmt.Sprint("client ", i)
		}
		return fmt.Sprint("upstream ", w.Ups[r.Legs[leg].Orig.Src])
	}
	sim.EachHop(r, func(p *flow.Path, e *flow.Exchange, i int) {
		h := &e.Hops[i]
		out = append(out, fmt.Sprintf("%s exchange %d: %v %v on %s, %.3f %v, %d rivals", number(e.Hops[0].Leg), e.ID, h.Request, h.Response, number(h.Leg),
			h.Confidence, h.Ambiguous, len(h.Rivals)))
	})
	for _, j := range r.Joins {
		out = append(out, fmt.Sprintf("%s to %s, %.3f %v %v, %d rivals", number(j.From), number(j.To), j.Confidence, j.Proven, j.Ambiguous, len(j.Rivals)))
	}
	slices.Sort(out)
	return out
}

func firstDifference(got, want []string) string {
	for _, g := range got {
		if !slices.Contains(want, g) {
			return g + " was not said before (" + strings.Join(closest(g, want), "; ") + ")"
		}
	}
	return fmt.Sprintf("%d of %d statements", len(got), len(want))
}

// closest lists the statements that begin like s.
func closest(s string, of []string) (out []string) {
	head, _, _ := strings.Cut(s, ":")
	for _, o := range of {
		if strings.HasPrefix(o, head) {
			out = append(out, o)
		}
	}
	return out
}
