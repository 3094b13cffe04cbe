package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// A planned is a world, and what is written of each of its paths.
type planned struct {
	name string
	talk func(w *world)
	link func(w *world)
	far  []string // near the client
	near []string // near the server; nil: the same
}

func (tc *planned) run(t *testing.T) {
	t.Run(tc.name, func(t *testing.T) {
		w := new(world)
		tc.talk(w)
		w.read(t)
		tc.link(w)
		for _, nearServer := range []bool{false, true} {
			want := tc.far
			if nearServer && tc.near != nil {
				want = tc.near
			}
			var got []string
			_, cs := w.plan(nearServer)
			for _, c := range cs {
				got = append(got, w.describe(c))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("near the server %v, -want +got:\n%s", nearServer, diff)
			}
		}
	})
}

// Real packets are written where one leg carries the conversation and nothing else.
func TestRewritten(t *testing.T) {
	for _, tc := range []planned{
		{"a leg alone", func(w *world) { w.talk("/a") }, func(w *world) {}, []string{"rewritten 0"}, nil},
		{"through a proxy", func(w *world) { w.talk("/a", "/b"); w.talk("/a", "/b") }, func(w *world) { w.tie(0, 0, 1, 0); w.tie(0, 1, 1, 1) },
			[]string{"rewritten 0"}, []string{"rewritten 1"}},
		{"through two proxies", func(w *world) { w.talk("/a"); w.talk("/a"); w.talk("/a") }, func(w *world) { w.tie(0, 0, 1, 0); w.tie(1, 0, 2, 0) },
			[]string{"rewritten 0"}, []string{"rewritten 2"}},
		{"the client's leg cannot be read", func(w *world) { w.talk("/a"); w.talk("/a"); w.talk("/a") }, func(w *world) {
			w.hide(0)
			w.tie(0, whole, 1, 0)
			w.tie(1, 0, 2, 0)
		}, []string{"rewritten 1"}, []string{"rewritten 2"}},
		{"nor can the leg between", func(w *world) { w.talk("/a"); w.talk("/a"); w.talk("/a") }, func(w *world) {
			w.outline(0)
			w.outline(1)
			w.tie(0, 0, 1, 0)
			w.tie(1, 0, 2, 0)
		}, []string{"rewritten 2"}, nil},
		{"nor can the leg behind", func(w *world) { w.talk("/a"); w.talk("/a"); w.talk("/a") }, func(w *world) {
			w.outline(0)
			w.outline(2)
			w.tie(0, 0, 1, 0)
			w.tie(1, 0, 2, 0)
		}, []string{"rewritten 1"}, nil},
		{"nothing can be read", func(w *world) { w.talk("/a"); w.talk("/a") }, func(w *world) {
			w.outline(0)
			w.outline(1)
			w.tie(0, 0, 1, 0)
		}, []string{"rewritten 0"}, nil},
		{"only a guess can be read", func(w *world) { w.talk("/a"); w.talk("/a") }, func(w *world) {
			w.outline(0)
			w.guess(0, 0, 1, 0, 1)
		}, []string{"rewritten 0", "rewritten 1"}, nil},
	} {
		tc.run(t)
	}
}

// Of a connection that is forwarded as bytes, the leg that can be read is written.
func TestRewrittenWhole(t *testing.T) {
	three := func(w *world) { w.say("hello"); w.say("hello"); w.say("hello") }
	tied := func(w *world) { w.tie(0, whole, 1, whole); w.tie(1, whole, 2, whole) }
	for _, tc := range []planned{
		{"all can be read", three, tied, []string{"rewritten 0"}, []string{"rewritten 2"}},
		{"the first cannot", three, func(w *world) { w.hide(0); tied(w) }, []string{"rewritten 1"}, []string{"rewritten 2"}},
		{"the first two cannot", three, func(w *world) { w.hide(0, 1); tied(w) }, []string{"rewritten 2"}, nil},
		{"the last cannot", three, func(w *world) { w.hide(2); tied(w) }, []string{"rewritten 0"}, []string{"rewritten 1"}},
		{"none can", three, func(w *world) { w.hide(0, 1, 2); tied(w) }, []string{"rewritten 0"}, nil},
		{"nothing went over the second", func(w *world) { w.say("hello"); w.say(""); w.say("hello") }, func(w *world) { w.hide(0); tied(w) }, []string{"rewritten 2"}, nil},
		{"a guess", three, func(w *world) { w.hide(0); w.guess(0, whole, 1, whole, 1) }, []string{"rewritten 0", "rewritten 1", "rewritten 2"}, nil},
	} {
		tc.run(t)
	}
}

// Exchanges are cut out of legs that are shared, and put between the client's
// handshake and its close.
func TestRebuilt(t *testing.T) {
	for _, tc := range []planned{
		{"the first of two", func(w *world) { w.talk("/a"); w.talk("/a", "/b") }, func(w *world) { w.tie(0, 0, 1, 0) },
			[]string{"rewritten 0", "rebuilt 1 client 1[…,0) 1[30,…) server 1[…,0) 1[40,…)"}, []string{"rebuilt 0 client 1[0,30) server 1[0,40)", "rebuilt 1 client 1[…,0) 1[30,…) server 1[…,0) 1[40,…)"}},
		{"the second of two", func(w *world) { w.talk("/b"); w.talk("/a", "/b") }, func(w *world) { w.tie(0, 0, 1, 1) },
			[]string{"rewritten 0", "rebuilt 1 client 1[…,30) 1[60,…) server 1[…,40) 1[80,…)"},
			[]string{"rebuilt 0 client 1[30,60) server 1[40,80)", "rebuilt 1 client 1[…,30) 1[60,…) server 1[…,40) 1[80,…)"}},
		{"in another order", func(w *world) { w.talk("/a", "/b"); w.talk("/b", "/a") }, func(w *world) { w.tie(0, 0, 1, 1); w.tie(0, 1, 1, 0) },
			[]string{"rewritten 0"}, []string{"rebuilt 0 client 1[30,60) 1[0,30) server 1[40,80) 1[0,40)"}},
		{"of two legs", func(w *world) { w.talk("/a", "/b"); w.talk("/a"); w.talk("/b") }, func(w *world) { w.tie(0, 0, 1, 0); w.tie(0, 1, 2, 0) },
			[]string{"rewritten 0"}, []string{"rebuilt 0 client 1[0,30) 2[0,30) server 1[0,40) 2[0,40)"}},
		{"of as many of two legs", func(w *world) { w.talk("/a", "/b"); w.talk("/a", "/c"); w.talk("/b") }, func(w *world) { w.tie(0, 0, 1, 0); w.tie(0, 1, 2, 0) },
			[]string{"rewritten 0", "rebuilt 1 client 1[…,0) 1[30,…) server 1[…,0) 1[40,…)"},
			[]string{"rebuilt 0 client 1[0,30) 2[0,30) server 1[0,40) 2[0,40)", "rebuilt 1 client 1[…,0) 1[30,…) server 1[…,0) 1[40,…)"}},
		{"one cannot be read anywhere", func(w *world) { w.talk("/a", "/b"); w.talk("/a") }, func(w *world) { w.outline(0); w.tie(0, 0, 1, 0) },
			[]string{"rebuilt 0 client 1[0,30) server 1[0,40)"}, nil},
		{"the last attempt", func(w *world) { w.talk("/a"); w.talk("/a"); w.talk("/a") }, func(w *world) { w.tie(0, 0, 1, 0); w.tie(0, 0, 2, 0).Attempt = 2 },
			[]string{"rewritten 0"}, []string{"rewritten 2"}},
		{"the last attempt, of which the first went on", func(w *world) { w.talk("/a"); w.talk("/a"); w.talk("/a"); w.talk("/a") }, func(w *world) {
			w.outline(0)
			w.tie(0, 0, 1, 0)
			w.tie(1, 0, 2, 0)
			w.tie(0, 0, 3, 0).Attempt = 2
		}, []string{"rewritten 3"}, nil},
		{"a copy, and what it led to", func(w *world) { w.talk("/a"); w.talk("/a"); w.talk("/a"); w.talk("/a") }, func(w *world) {
			w.tie(0, 0, 2, 0).Copy = true
			w.tie(0, 0, 1, 0)
			w.tie(2, 0, 3, 0)
		}, []string{"rewritten 0"}, []string{"rewritten 1"}},
		{"nothing but a copy can be read", func(w *world) { w.talk("/a"); w.talk("/a"); w.talk("/a") }, func(w *world) {
			w.outline(0)
			w.outline(1)
			w.tie(0, 0, 1, 0)
			w.tie(0, 0, 2, 0).Copy = true
		}, []string{"rewritten 0"}, nil},
		{"two of a client, which in doubt, by time", func(w *world) { w.talk("/a", "/b"); w.talk("/b"); w.talk("/a") }, func(w *world) {
			w.outline(0)
			w.guess(0, 0, 2, 0, 1).Caused = true
			w.guess(0, 1, 1, 0, 1).Caused = true
		}, []string{"rebuilt 0 client 1[0,30) 2[0,30) server 1[0,40) 2[0,40)"}, nil},
		{"one of a client, guessed twice", func(w *world) { w.talk("/a", "/b"); w.talk("/b") }, func(w *world) {
			w.outline(0)
			w.guess(0, 0, 1, 0, 1).Caused = true
			w.guess(0, 1, 1, 0, 1).Caused = true
		}, []string{"rebuilt 0 client 1[0,30) server 1[0,40)"}, nil},
		{"all of a leg, which in doubt", func(w *world) { w.talk("/a", "/b"); w.talk("/b", "/a") }, func(w *world) {
			w.outline(0)
			w.guess(0, 0, 1, 1, 1).Caused = true
			w.guess(0, 1, 1, 0, 1).Caused = true
		}, []string{"rewritten 1"}, nil},
		{"the last attempt is a guess", func(w *world) { w.talk("/a"); w.talk("/a"); w.talk("/a", "/b") }, func(w *world) { w.tie(0, 0, 1, 0); w.guess(0, 0, 2, 0, 1).Attempt = 2 },
			[]string{"rewritten 0", "rewritten 2"}, nil},
	} {
		tc.run(t)
	}
}

// What no other path has of a shared leg is a conversation of its own.
func TestRest(t *testing.T) {
	for _, tc := range []planned{
		{"one between others", func(w *world) { w.talk("/a"); w.talk("/c"); w.talk("/a", "/b", "/c") }, func(w *world) { w.tie(0, 0, 2, 0); w.tie(1, 0, 2, 2) },
			[]string{"rewritten 0", "rewritten 1", "rebuilt 2 client 2[…,0) 2[30,60) 2[90,…) server 2[…,0) 2[40,80) 2[120,…)"},
			[]string{"rebuilt 0 client 2[0,30) server 2[0,40)", "rebuilt 1 client 2[60,90) server 2[80,120)",
				"rebuilt 2 client 2[…,0) 2[30,60) 2[90,…) server 2[…,0) 2[40,80) 2[120,…)"}},
		{"bytes of no exchange", func(w *world) { w.talk("/a"); w.talk("/a") }, func(w *world) {
			w.legs[1].Loose = true
			w.tie(0, 0, 1, 0)
		}, []string{"rewritten 0", "rebuilt 1 client 1[…,0) 1[30,…) server 1[…,0) 1[40,…)"}, []string{"rewritten 1", "rebuilt 1 client 1[…,0) 1[30,…) server 1[…,0) 1[40,…)"}},
		{"one side was not captured", func(w *world) {
			w.talk("/a")
			c := w.open()
			c.Send(get("/a"))
			c.Send(get("/b"))
			w.onlyFrom("10.0.0.1")
		}, func(w *world) { w.tie(0, 0, 1, 0) }, []string{"rewritten 0", "rebuilt 1 client 1[…,0) 1[30,…)"}, []string{"rebuilt 0 client 1[0,30)", "rebuilt 1 client 1[…,0) 1[30,…)"}},
		{"all up to the last", func(w *world) { w.talk("/b"); c := w.open(); c.Send(get("/a")); c.Reply(ok); c.Send(get("/b")) }, func(w *world) { w.tie(0, 0, 1, 1) },
			[]string{"rewritten 0", "rebuilt 1 client 1[…,30) 1[60,…) server 1[…,…)"}, []string{"rebuilt 0 client 1[30,60)", "rebuilt 1 client 1[…,30) 1[60,…) server 1[…,…)"}},
	} {
		tc.run(t)
	}
}

// Streams of HTTP/2 are written anew, or as HTTP/1.1 if that is what was read.
func TestHTTP2(t *testing.T) {
	for _, tc := range []planned{
		{"a leg alone", func(w *world) { w.mux("/a", "/b") }, func(w *world) {}, []string{"rewritten 0"}, nil},
		{"a shared leg", func(w *world) { w.mux("/b"); w.mux("/a", "/b") }, func(w *world) { w.tie(0, 0, 1, 1) },
			[]string{"rewritten 0", "rebuilt 1 call 1/0"}, []string{"rebuilt 0 call 1/1", "rebuilt 1 call 1/0"}},
		{"the client's leg cannot be read", func(w *world) { w.mux("/a"); w.talk("/a") }, func(w *world) {
			w.hide(0)
			w.legs[0].TLS.ALPN = []string{"h2"}
			w.tie(0, whole, 1, 0)
		}, []string{"rewritten 1 h2→1.1"}, nil},
		{"nor be shown to be HTTP/2", func(w *world) { w.mux("/a"); w.talk("/a") }, func(w *world) {
			w.hide(0)
			w.tie(0, whole, 1, 0)
		}, []string{"rewritten 1"}, nil},
		{"it is HTTP/2 on both sides", func(w *world) { w.mux("/a"); w.mux("/a") }, func(w *world) {
			w.hide(0)
			w.legs[0].TLS.ALPN = []string{"h2"}
			w.tie(0, whole, 1, 0)
		}, []string{"rewritten 1"}, nil},
		{"on some legs behind the proxy", func(w *world) { w.mux("/a", "/b"); w.mux("/a"); w.talk("/b") }, func(w *world) { w.tie(0, 0, 1, 0); w.tie(0, 1, 2, 0) },
			[]string{"rewritten 0"}, []string{"rebuilt 0 client 2[0,30) server 2[0,40) call 1/0 call 2/0"}},
		{"on no leg behind the proxy", func(w *world) { w.mux("/a", "/b"); w.talk("/a"); w.talk("/b") }, func(w *world) { w.tie(0, 0, 1, 0); w.tie(0, 1, 2, 0) },
			[]string{"rewritten 0"}, []string{"rebuilt 0 client 1[0,30) 2[0,30) server 1[0,40) 2[0,40) h2→1.1"}},
		{"nothing can be read", func(w *world) { w.mux("/a"); w.talk("/a") }, func(w *world) {
			w.outline(0)
			w.outline(1)
			w.legs[0].TLS.ALPN = []string{"h2"}
			w.tie(0, 0, 1, 0)
		}, []string{"rewritten 0"}, nil},
	} {
		tc.run(t)
	}
}

// Exchanges that overlapped behind the proxy are re-encoded as HTTP/2, and where an
// answer in between is missing; not where the client spoke HTTP/1.1 for certain.
func TestOverlap(t *testing.T) {
	two := func(w *world) { w.talk("/a", "/b"); w.talk("/a"); w.talk("/b") }
	once := func(w *world) { w.talk("/a", "/b"); w.atOnce("/a", "/b") }
	lost := func(w *world) { w.talk("/a", "/b"); w.unanswered("/a"); w.talk("/b") }
	open := func(w *world) { w.talk("/a", "/b"); w.talk("/a"); w.unanswered("/b") }
	offer := func(protocols ...string) func(w *world) { return func(w *world) { w.offers(protocols...) } }
	const both, half, opened = "rebuilt 0 client 1[0,30) 2[0,30) server 1[0,40) 2[0,40)", "rebuilt 0 client 1[0,30) 2[0,30) server 2[0,40)", "rebuilt 0 client 1[0,30) 2[0,30) server 1[0,40)"
	const calls = " call 1/0 call 2/0 1.1→h2"
	for _, tc := range []planned{
		{"one after the other", two, offer("h2"), []string{both + " h2→1.1"}, nil},
		{"one after the other, nothing offered", two, offer(), []string{both}, nil},
		{"at once", once, offer("h2", "http/1.1"), []string{both + calls}, nil},
		{"at once, HTTP/2 the second choice", once, offer("http/1.1", "h2"), []string{both + calls}, nil},
		{"at once, istio-h2 the second choice", once, offer("istio", "istio-h2"), []string{both + calls}, nil},
		{"at once, the offer not heard", once, offer(), []string{both + calls}, nil},
		{"at once, nothing offered", once, func(w *world) { w.offers(); w.legs[0].TLS.Version = "1.3" }, []string{both}, nil},
		{"at once, midstream", once, func(w *world) { w.offers(); w.legs[0].TLS.Version, w.legs[0].Midstream = "1.3", true }, []string{both + calls}, nil},
		{"the next at the end of the one before", two, func(w *world) {
			w.offers("h2")
			w.legs[2].Exchanges[0].Req.From.Nanos = w.legs[1].Exchanges[0].Resp.To.Nanos
		}, []string{both + " h2→1.1"}, nil},
		{"at once, HTTP/1.1 only", once, offer("http/1.1"), []string{both}, nil},
		{"no answer", lost, offer("h2"), []string{half + calls}, nil},
		{"no answer, perhaps HTTP/1.1", lost, offer("http/1.1", "h2"), []string{half}, nil},
		{"no answer, at the end", open, offer("h2"), []string{opened + " h2→1.1"}, nil},
		{"a client that can be read", once, func(w *world) { w.tie(0, 0, 1, 0); w.tie(0, 1, 2, 0) }, []string{"rewritten 0"}, []string{both}},
	} {
		tc.run(t)
	}
}

// There are no packets of a decrypted leg that could be written.
func TestDecrypted(t *testing.T) {
	decrypt := func(w *world) { w.legs[0].Decrypted = true }
	for _, tc := range []planned{
		{"whole", func(w *world) { w.talk("/a") }, decrypt, []string{"rebuilt 0 client 0[…,…) server 0[…,…)"}, nil},
		{"one side", func(w *world) { c := w.open(); c.Send(get("/a")); w.onlyFrom("10.0.0.0") }, decrypt, []string{"rebuilt 0 client 0[…,…)"}, nil},
		{"a tunnel", func(w *world) { w.talk("/a") }, func(w *world) { decrypt(w); w.legs[0].Tunnel = true }, []string{"rewritten 0"}, nil},
		{"a tunnel whose streams are read", func(w *world) { w.talk("/a") }, func(w *world) { decrypt(w); w.legs[0].Tunnel, w.legs[0].Opened = true, true },
			[]string{"rebuilt 0 client 0[…,…) server 0[…,…)"}, nil},
	} {
		tc.run(t)
	}
}

// A conversation begins with the frame's first packet, or where there is no
// handshake with the first byte that is written.
func TestFirst(t *testing.T) {
	frame := func(leg int) func(w *world) int64 { return func(w *world) int64 { return w.legs[leg].Conn.Start } }
	request := func(leg, no int) func(w *world) int64 {
		return func(w *world) int64 { return w.requestAt(leg, no) }
	}
	response := func(leg, no int) func(w *world) int64 {
		return func(w *world) int64 { return w.responseAt(leg, no) }
	}
	one := func(w *world) { w.talk("/a") }
	shared := func(w *world) { w.talk("/b"); w.talk("/a", "/b", "/c"); w.mux("/a", "/b") }
	midstream := func(legs ...int) func(w *world) {
		return func(w *world) {
			for _, l := range legs {
				w.legs[l].Midstream = true
			}
		}
	}
	both := func(fs ...func(w *world)) func(w *world) {
		return func(w *world) {
			for _, f := range fs {
				f(w)
			}
		}
	}
	tie := func(from, down, to, up int) func(w *world) { return func(w *world) { w.tie(from, down, to, up) } }
	decrypt := func(w *world) { w.legs[0].Decrypted = true }
	for _, tc := range []struct {
		name string
		talk func(w *world)
		link func(w *world)
		leg  int // of the path's client
		near bool
		want func(w *world) int64
	}{
		{"real packets", one, func(w *world) {}, 0, false, frame(0)},
		{"real packets, midstream", one, midstream(0), 0, false, frame(0)},
		{"decrypted", one, decrypt, 0, false, frame(0)},
		{"decrypted, midstream", one, both(decrypt, midstream(0)), 0, false, request(0, 0)},
		{"decrypted, no request", one, both(decrypt, func(w *world) { w.legs[0].Conn.Orig = 0 }), 0, false, response(0, 0)},
		{"decrypted, no response", one, both(decrypt, func(w *world) { w.legs[0].Conn.Reply = 0 }), 0, false, request(0, 0)},
		{"decrypted, nothing said", func(w *world) { w.say("") }, both(decrypt, midstream(0)), 0, false, frame(0)},
		{"rebuilt", shared, tie(0, 0, 1, 1), 0, true, frame(0)},
		{"rebuilt, midstream", shared, both(midstream(0), tie(0, 0, 1, 1)), 0, true, request(1, 1)},
		{"rebuilt, the leg behind midstream", shared, both(midstream(1), tie(0, 0, 1, 1)), 0, true, frame(0)},
		{"rebuilt, midstream, no request", shared, both(midstream(0), tie(0, 0, 1, 1), func(w *world) { w.legs[1].Exchanges[1].Req = nil }), 0, true, response(1, 1)},
		{"rebuilt, midstream, no response", shared, both(midstream(0), tie(0, 0, 1, 1), func(w *world) { w.legs[1].Exchanges[1].Resp = nil }), 0, true, request(1, 1)},
		{"calls, midstream", shared, both(midstream(0), tie(0, 0, 2, 1)), 0, true, request(2, 1)},
		{"the rest", shared, tie(0, 0, 1, 0), 1, false, frame(1)},
		{"the rest, midstream", shared, both(midstream(1), tie(0, 0, 1, 0)), 1, false, request(1, 1)},
		{"the rest, midstream, nothing left", one, func(w *world) {
			w.legs[0].Midstream, w.legs[0].Loose = true, true
			w.links = append(w.links, &graph.Link{From: w.legs[0], To: w.legs[0], Down: new(graph.Exchange), Up: &w.legs[0].Exchanges[0]})
		}, 0, false, frame(0)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := new(world)
			tc.talk(w)
			w.read(t)
			tc.link(w)
			_, cs := w.plan(tc.near)
			for _, c := range cs {
				if c.Path.ClientLeg.ID == tc.leg {
					if got, want := firstOf(c), tc.want(w); got != want {
						t.Errorf("begins %d ns after its leg, want %d", got-int64(w.legs[tc.leg].Start), want-int64(w.legs[tc.leg].Start))
					}
					return
				}
			}
			t.Errorf("no conversation of leg %d", tc.leg)
		})
	}
}

// A message takes with it what stands between it and the one before, and the last
// before a tunnel takes the tunnel.
func TestExchange(t *testing.T) {
	const interim = "HTTP/1.1 100 Continue\r\n\r\n" // 25 bytes
	upgrade := "GET /a HTTP/1.1\r\nhost: app\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"
	switched := "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"
	for _, tc := range []struct {
		name string
		talk func(w *world)
		link func(w *world)
		near bool
		want []string // by exchange of the first path
	}{
		{"each of two", func(w *world) { w.talk("/a", "/b") }, func(w *world) {}, false,
			[]string{"rebuilt 0 client 0[0,30) server 0[0,40)", "rebuilt 0 client 0[30,60) server 0[40,80)"}},
		{"behind a proxy", func(w *world) { w.talk("/a"); w.talk("/b", "/a") }, func(w *world) { w.tie(0, 0, 1, 1) }, true,
			[]string{"rebuilt 0 client 1[30,60) server 1[40,80)"}},
		{"of HTTP/2", func(w *world) { w.mux("/a", "/b") }, func(w *world) {}, false, []string{"rebuilt 0 call 0/0", "rebuilt 0 call 0/1"}},
		{"that cannot be read", func(w *world) { w.talk("/a") }, func(w *world) { w.outline(0) }, false, []string{"nothing"}},
		{"no response", func(w *world) { c := w.open(); c.Send(get("/a")); c.Close() }, func(w *world) {}, false, []string{"rebuilt 0 client 0[0,30)"}},
		{"no request", func(w *world) { c := w.open(); c.Send(get("/a")); w.tr.Lose(1); c.Reply(ok); c.Close() }, func(w *world) {}, false,
			[]string{"rebuilt 0 server 0[0,40)"}},
		{"an interim response", func(w *world) { c := w.open(); c.Send(get("/a")); c.Reply(interim); c.Reply(ok); c.Close() }, func(w *world) {}, false,
			[]string{"rebuilt 0 client 0[0,30) server 0[0,65)"}},
		{"behind what was not captured", func(w *world) {
			c := w.open()
			c.Send(get("/a"))
			c.Reply(ok)
			c.Send(get("/b"))
			w.tr.Lose(1)
			c.Send(get("/c"))
			c.Close()
		}, func(w *world) {}, false, []string{"rebuilt 0 client 0[0,30) server 0[0,40)", "rebuilt 0 client 0[60,90)"}},
		{"before a tunnel", func(w *world) {
			c := w.open()
			c.Send(get("/a"))
			c.Reply(ok)
			c.Send(upgrade)
			c.Reply(switched)
			c.Send("hello")
			c.Reply("hello")
			c.Close()
		}, func(w *world) {}, false, []string{"rebuilt 0 client 0[0,30) server 0[0,40)", "rebuilt 0 client 0[30,…) server 0[40,…)"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := new(world)
			tc.talk(w)
			w.read(t)
			tc.link(w)
			pl, cs := w.plan(tc.near)
			var got []string
			for i := range cs[0].Path.Exchanges {
				got = append(got, w.describe(pl.Exchange(cs[0], i)))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Nothing is joined in the view of legs.
func TestLegConversations(t *testing.T) {
	w := new(world)
	w.talk("/a")
	w.talk("/a")
	w.read(t)
	w.tie(0, 0, 1, 0)
	w.legs[0].Conn.Start, w.legs[1].Conn.Start = w.legs[1].Conn.Start, w.legs[0].Conn.Start
	w.legs[0].Decrypted = true
	cs := w.planner(true).LegConversations()
	if len(cs) != 2 {
		t.Fatalf("%d conversations, want 2", len(cs))
	}
	for i, id := range []int{1, 0} {
		c, l := cs[i], w.legs[id]
		if c.Frame != l || c.Rebuilt || c.Client != l.Orig.Src || c.Server != l.Orig.Dst || firstOf(c) != l.Conn.Start || len(c.Path.Legs) != 1 || c.Path.Legs[0] != id {
			t.Errorf("conversation %d is %+v, want that of leg %d", i, c, id)
		}
	}
}
