package crossing

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// better reports whether a candidate whose requests and responses differ in the
// fields a fits strictly better than one with the differences b. Both are
// sorted.
func better(a, b [2][]uint32) bool {
	r, o := Resemblance{differ: a[0], differBack: a[1]}, Resemblance{differ: b[0], differBack: b[1]}
	return r.better(&o)
}

// A candidate fits better only if all that differs in it differs in the other
// too: what a proxy changes everywhere says nothing, and one candidate's own
// difference cannot be weighed against another's.
func TestBetter(t *testing.T) {
	type fields = [2][]uint32
	for _, tt := range []struct {
		name string
		a, b fields
		want bool
	}{
		{"nothing differs in either", fields{}, fields{}, false},
		{"nothing against something", fields{}, fields{{1}, nil}, true},
		{"something against nothing", fields{{1}, nil}, fields{}, false},
		{"the proxy's fields, and one more", fields{{1, 3}, {5}}, fields{{1, 2, 3}, {5}}, true},
		{"one each", fields{{1, 2}, nil}, fields{{1, 3}, nil}, false},
		{"one against two others", fields{{1}, nil}, fields{{2, 3}, nil}, false},
		{"better in the request, worse in the response", fields{nil, {1}}, fields{{1}, nil}, false},
		{"better in the response", fields{{1}, {1}}, fields{{1}, {1, 2}}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := better(tt.a, tt.b); got != tt.want {
				t.Errorf("better: %v, expected %v", got, tt.want)
			}
		})
	}
}

// Better is a strict order: no set of candidates can prefer each other in a
// circle, so that some always remain.
func TestBetterIsAnOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	some := func() (f [2][]uint32) {
		for d := range f {
			for v := range uint32(5) {
				if r.IntN(2) == 0 {
					f[d] = append(f[d], v)
				}
			}
		}
		return f
	}
	ordered := 0
	for range 20000 {
		a, b, c := some(), some(), some()
		switch {
		case better(a, a):
			t.Fatalf("%v is better than itself", a)
		case better(a, b) && better(b, a):
			t.Fatalf("%v and %v are better than each other", a, b)
		case better(a, b) && better(b, c):
			ordered++
			if !better(a, c) {
				t.Fatalf("%v is better than %v, that better than %v, but not the first than the last", a, b, c)
			}
		}
	}
	if ordered == 0 {
		t.Error("no chain of three was met")
	}
}

// The cause comes before its effect, at both ends of both messages, by Causality.
func TestNests(t *testing.T) {
	const c = index.Causality
	for _, tt := range []struct {
		name string
		make func(d, u made) // d goes from 1000 to 9000 µs, u from 3000 to 7000; messages take a tenth
		want bool
	}{
		{"within", func(_, _ made) {}, true},
		{"of another client", func(_, u made) { u.Leg.Kept = true }, false},
		{"asked as early as may be", func(_, u made) { moveTo(u.Req, 1000*us-c, 3000*us) }, true},
		{"asked too early", func(_, u made) { moveTo(u.Req, 1000*us-c-1, 3000*us) }, false},
		{"asked to the end as early as may be", func(_, u made) { moveTo(u.Req, 1000*us, 1800*us-c) }, true},
		{"asked to the end too early", func(_, u made) { moveTo(u.Req, 1000*us, 1800*us-c-1) }, false},
		{"too early, but not to the end", func(_, u made) { moveTo(u.Req, 1000*us, 1700*us); u.request(0) }, true},
		{"too early, of what did not come to the end", func(d, u made) { moveTo(u.Req, 1000*us, 1700*us); d.request(0) }, true},
		{"too early, but for what is missing at its end", func(_, u made) { moveTo(u.Req, 1000*us, 1700*us); u.Req.Flags |= scan.MsgEndLost }, true},
		{"too early, even if more was to come", func(d, u made) { moveTo(u.Req, 1000*us, 1700*us); d.Req.Flags |= scan.MsgEndLost }, false},
		{"answered as late as may be", func(_, u made) { moveTo(u.Resp, 8200*us+c, 8200*us+c) }, true},
		{"answered too late", func(_, u made) { moveTo(u.Resp, 8200*us+c+1, 8200*us+c+1) }, false},
		{"answered to the end as late as may be", func(_, u made) { moveTo(u.Resp, 7000*us, 9000*us+c) }, true},
		{"answered to the end too late", func(_, u made) { moveTo(u.Resp, 7000*us, 9000*us+c+1) }, false},
		{"too late, but not to the end", func(_, u made) { moveTo(u.Resp, 7000*us, 9999*us); u.response(0) }, true},
		{"too late, of what did not come to the end", func(d, u made) { moveTo(u.Resp, 7000*us, 9999*us); d.response(0) }, true},
		{"too late, of what is missing its end", func(d, u made) { moveTo(u.Resp, 7000*us, 9999*us); d.Resp.Flags |= scan.MsgEndLost }, true},
		{"too late, and more was to come", func(d, u made) { moveTo(u.Resp, 7000*us, 9999*us); u.Resp.Flags |= scan.MsgEndLost }, false},
		{"too late, of an attempt that failed", func(_, u made) { moveTo(u.Resp, 7000*us, 9999*us); u.status(503) }, true},
		{"begun after all was over", func(d, u made) { moveTo(u.Req, 9000*us+c+1, 9990*us); u.Resp = nil }, false},
		{"begun after the answer began", func(d, u made) { moveTo(u.Req, 8200*us+c+1, 8300*us); u.Resp = nil }, false},
		{"begun as late as may be", func(d, u made) { moveTo(u.Req, 8200*us+c, 8300*us); u.Resp = nil }, true},
		{"begun after what has no answer", func(d, u made) { moveTo(u.Req, 99000*us, 99100*us); moveTo(u.Resp, 99200*us, 99300*us); d.unanswered() }, true},
		{"without its request, answered as late as may be", func(_, u made) { u.unasked(); moveTo(u.Resp, 8200*us+c, 8200*us+c) }, true},
		{"without its request, answered too early", func(_, u made) { u.unasked(); moveTo(u.Resp, 1000*us-c-1, 1000*us) }, false},
		{"without its request, answered early", func(_, u made) { u.unasked(); moveTo(u.Resp, 1000*us-c, 1000*us) }, true},
		{"of what was not asked, after the one before it", func(d, u made) { d.unasked(); d.Floor = 2500 * us }, true},
		{"of what was not asked, before that", func(d, u made) { d.unasked(); d.Floor = 3000*us + c + 1 }, false},
		{"after an empty answer was over", func(d, u made) {
			moveTo(d.Resp, 2000*us, 2500*us)
			u.unasked()
			u.Floor = 2500*us + c + 1
			moveTo(u.Resp, 1900*us, 2400*us)
		}, false},
		{"as the answer was over", func(d, u made) {
			moveTo(d.Resp, 2000*us, 2500*us)
			u.unasked()
			u.Floor = 2500*us + c
			moveTo(u.Resp, 1900*us, 2400*us)
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, u := exchange(clientLeg(0), 1000*us, 9000*us), exchange(proxyLeg(0), 3000*us, 7000*us)
			tt.make(d, u)
			if got := Nests(d.Exchange, u.Exchange); got != tt.want {
				t.Errorf("nests %v, want %v", got, tt.want)
			}
		})
	}
}

// f returns a field.
func f(name, value uint32) scan.Field { return scan.Field{Name: name, Value: value} }

// What two exchanges have in common: ids, lines, bodies and fields, of the heads that
// were seen whole.
func TestCompare(t *testing.T) {
	const eq, other, unknown = fingerprint.Equal, fingerprint.Different, fingerprint.Unknown
	partial := func(n int64) fingerprint.Print {
		return fingerprint.Print{Len: n, First: 1, Known: fingerprint.KnownFirst}
	}
	for _, tt := range []struct {
		name string
		make func(d, u made)
		want Resemblance
	}{
		{"the same", func(_, _ made) {}, Resemblance{final: true, sameLine: true, seen: seenRequest | seenResponse, Request: eq, Response: eq}},
		{"one id", func(d, u made) { d.id("a"); u.id("a") }, Resemblance{sameID: true, final: true, sameLine: true, seen: seenRequest | seenResponse, Request: eq, Response: eq}},
		{"two ids", func(d, u made) { d.id("a"); u.id("b") }, Resemblance{OtherID: true, final: true, sameLine: true, seen: seenRequest | seenResponse, Request: eq, Response: eq}},
		{"an id of one", func(d, _ made) { d.id("a") }, Resemblance{final: true, sameLine: true, seen: seenRequest | seenResponse, Request: eq, Response: eq}},
		{"an id of the other", func(_, u made) { u.id("a") }, Resemblance{final: true, sameLine: true, seen: seenRequest | seenResponse, Request: eq, Response: eq}},
		{"two ids, one of which may be none", func(d, u made) { d.id("a").request(scan.MsgLooseID); u.id("b") },
			Resemblance{final: true, sameLine: true, seen: seenRequest | seenResponse, Request: eq, Response: eq}},
		{"or the other", func(d, u made) { d.id("a"); u.id("b").request(scan.MsgLooseID) },
			Resemblance{final: true, sameLine: true, seen: seenRequest | seenResponse, Request: eq, Response: eq}},
		{"another line", func(_, u made) { u.asks("GET", "/x") }, Resemblance{final: true, otherLine: true, seen: seenRequest | seenResponse, Request: eq, Response: eq}},
		{"another method", func(_, u made) { u.asks("PUT", "/") }, Resemblance{final: true, otherLine: true, seen: seenRequest | seenResponse, Request: eq, Response: eq}},
		{"bodies", func(d, u made) { d.body(9); u.body(9) }, Resemblance{final: true, sameLine: true, seen: seenRequest | seenResponse, Request: eq, Response: eq, content: true}},
		{"bodies that differ", func(d, u made) { d.body(9); u.body(8) }, Resemblance{final: true, sameLine: true, seen: seenRequest | seenResponse, Request: other, Response: eq}},
		{"bodies not whole", func(d, u made) { d.Req.Body, u.Req.Body = partial(9), partial(9) },
			Resemblance{final: true, sameLine: true, seen: seenRequest | seenResponse, Request: unknown, Response: eq}},
		{"answers", func(d, u made) { d.returns(9); u.returns(9) }, Resemblance{final: true, sameLine: true, seen: seenRequest | seenResponse, Request: eq, Response: eq, content: true}},
		{"answers of a byte", func(d, u made) { d.returns(1); u.returns(1) }, Resemblance{final: true, sameLine: true, seen: seenRequest | seenResponse, Request: eq, Response: eq, content: true}},
		{"answers that differ", func(d, u made) { d.returns(9); u.returns(8) }, Resemblance{final: true, sameLine: true, seen: seenRequest | seenResponse, Request: eq, Response: other}},
		{"a body and an empty answer", func(d, u made) { d.body(1); u.body(1) }, Resemblance{final: true, sameLine: true, seen: seenRequest | seenResponse, Request: eq, Response: eq, content: true}},
		{"an attempt that failed", func(_, u made) { u.status(503).returns(9) }, Resemblance{sameLine: true, seen: seenRequest, Request: eq}},
		{"no request", func(d, _ made) { d.unasked() }, Resemblance{final: true, seen: seenResponse, Response: eq}},
		{"no request behind it", func(_, u made) { u.unasked() }, Resemblance{final: true, seen: seenResponse, Response: eq}},
		{"no response", func(d, _ made) { d.unanswered() }, Resemblance{final: true, sameLine: true, seen: seenRequest, Request: eq}},
		{"no response behind it", func(_, u made) { u.unanswered() }, Resemblance{final: true, sameLine: true, seen: seenRequest, Request: eq}},
		{"a cut request", func(d, u made) { d.request(scan.MsgCut); u.body(9) }, Resemblance{final: true, cut: true, seen: seenResponse, Response: eq}},
		{"a cut request behind it", func(_, u made) { u.request(scan.MsgCut) }, Resemblance{final: true, cut: true, seen: seenResponse, Response: eq}},
		{"a cut answer", func(d, u made) { d.response(scan.MsgCut); u.returns(9) }, Resemblance{final: true, cut: true, sameLine: true, seen: seenRequest, Request: eq}},
		{"a cut answer behind it", func(_, u made) { u.response(scan.MsgCut) }, Resemblance{final: true, cut: true, sameLine: true, seen: seenRequest, Request: eq}},
		{"part of a request", func(d, u made) { d.request(scan.MsgPartial).with(f(1, 1)) }, Resemblance{final: true, sameLine: true, seen: seenPartRequest | seenResponse, Request: eq, Response: eq}},
		{"part of a request behind it", func(_, u made) { u.request(scan.MsgPartial).with(f(1, 1)) }, Resemblance{final: true, sameLine: true, seen: seenPartRequest | seenResponse, Request: eq, Response: eq}},
		{"part of an answer", func(d, _ made) { d.response(scan.MsgPartial).withBack(f(1, 1)) }, Resemblance{final: true, sameLine: true, seen: seenRequest | seenPartResponse, Request: eq, Response: eq}},
		{"part of an answer behind it", func(_, u made) { u.response(scan.MsgPartial).withBack(f(1, 1)) }, Resemblance{final: true, sameLine: true, seen: seenRequest | seenPartResponse, Request: eq, Response: eq}},
		{"no line", func(d, _ made) { d.request(scan.MsgNoLine).asks("", "") }, Resemblance{final: true, seen: seenRequest | seenResponse, Request: eq, Response: eq}},
		{"no line behind it", func(_, u made) { u.request(scan.MsgNoLine).asks("", "") }, Resemblance{final: true, otherLine: false, seen: seenRequest | seenResponse, Request: eq, Response: eq}},
		{"fields", func(d, u made) {
			d.with(f(1, 1), f(2, 2))
			u.with(f(1, 1), f(2, 3), f(4, 4))
			d.withBack(f(7, 7))
			u.withBack(f(7, 7), f(8, 8))
		},
			Resemblance{final: true, sameLine: true, seen: seenRequest | seenResponse, Request: eq, Response: eq, differ: []uint32{2}, differBack: []uint32{8}, common: 2}},
		{"another trace", func(d, u made) { d.with(f(1, 1)); d.Req.Trace, u.Req.Trace = 5, 6 },
			Resemblance{final: true, sameLine: true, seen: seenRequest | seenResponse, Request: eq, Response: eq, differ: []uint32{1, ^uint32(0)}}},
		{"one trace", func(d, u made) { d.Req.Trace, u.Req.Trace = 5, 5 }, Resemblance{final: true, sameLine: true, seen: seenRequest | seenResponse, Request: eq, Response: eq}},
		{"a trace that the proxy begins", func(_, u made) { u.Req.Trace = 5 }, Resemblance{final: true, sameLine: true, seen: seenRequest | seenResponse, Request: eq, Response: eq}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, u := exchange(clientLeg(0), 0, 100*us), exchange(proxyLeg(0), 10*us, 90*us)
			tt.make(d, u)
			if got := Compare(d.Exchange, u.Exchange); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", tt.want) {
				t.Errorf("%+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestContradicted(t *testing.T) {
	for _, tt := range []struct {
		r    Resemblance
		want bool
	}{
		{Resemblance{}, false}, {Resemblance{OtherID: true, differ: []uint32{1}}, false}, {Resemblance{otherLine: true}, true},
		{Resemblance{Request: fingerprint.Different}, true}, {Resemblance{Response: fingerprint.Different}, true},
		{Resemblance{Request: fingerprint.Equal, Response: fingerprint.Equal}, false},
	} {
		if got := tt.r.Contradicted(); got != tt.want {
			t.Errorf("%+v is contradicted: %v, want %v", tt.r, got, tt.want)
		}
	}
}

// What differs between heads whose fields are sorted: names that the second lacks, or has
// another value of, each once.
func TestDiffFields(t *testing.T) {
	for _, tt := range []struct {
		name   string
		a, b   []scan.Field
		differ []uint32
		common int
	}{
		{"nothing", nil, nil, nil, 0},
		{"the same", []scan.Field{f(1, 1), f(2, 2)}, []scan.Field{f(1, 1), f(2, 2)}, nil, 2},
		{"one more", []scan.Field{f(1, 1)}, []scan.Field{f(1, 1), f(2, 2)}, nil, 1},
		{"one less", []scan.Field{f(1, 1), f(2, 2)}, []scan.Field{f(2, 2)}, []uint32{1}, 1},
		{"another value", []scan.Field{f(1, 1), f(2, 2)}, []scan.Field{f(1, 9), f(2, 2)}, []uint32{1}, 1},
		{"a smaller value", []scan.Field{f(1, 9)}, []scan.Field{f(1, 1)}, []uint32{1}, 0},
		{"twice", []scan.Field{f(1, 1), f(1, 2)}, []scan.Field{f(1, 2)}, []uint32{1}, 1},
		{"all others", []scan.Field{f(1, 1), f(3, 3)}, []scan.Field{f(2, 2), f(4, 4)}, []uint32{1, 3}, 0},
		{"what the proxy adds", nil, []scan.Field{f(2, 2), f(4, 4)}, nil, 0},
		{"what the proxy takes away", []scan.Field{f(2, 2), f(4, 4)}, nil, []uint32{2, 4}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, u := exchange(clientLeg(0), 0, us).with(f(77, 7)).with(tt.a...), exchange(proxyLeg(0), 0, us).with(tt.b...)
			differ, common := diffFields(d.Scan, d.Req, u.Scan, u.Req)
			if !slices.Equal(differ, tt.differ) || common != tt.common {
				t.Errorf("%v differ and %d are common, want %v and %d", differ, common, tt.differ, tt.common)
			}
		})
	}
}

// Only what was compared alike is better or worse.
func TestBetterOfTheSame(t *testing.T) {
	worse := Resemblance{final: true, seen: seenRequest, differ: []uint32{1}}
	for _, tt := range []struct {
		name string
		r    Resemblance
		want bool
	}{
		{"compared alike", Resemblance{final: true, seen: seenRequest}, true},
		{"another status", Resemblance{seen: seenRequest}, false},
		{"more compared", Resemblance{final: true, seen: seenRequest | seenResponse}, false},
		{"as much differs", Resemblance{final: true, seen: seenRequest, differ: []uint32{1}}, false},
	} {
		if got := tt.r.better(&worse); got != tt.want {
			t.Errorf("%s: better %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Evidence names what ties: an id, contents, that nothing else fits, or heads that are
// alike.
func TestExplain(t *testing.T) {
	id := func(d, u made) { d.id("x7"); u.id("x7") }
	for _, tt := range []struct {
		name string
		make func(d, u made)
		sole bool
		want []string
	}{
		{"an id", id, true, []string{"request-id: x-request-id x7"}},
		{"an id and contents", func(d, u made) { id(d, u); d.returns(40); u.returns(40) }, true,
			[]string{"request-id: x-request-id x7", "same-bytes: response bodies of 40 bytes equal"}},
		{"contents of the request", func(d, u made) { d.body(30); u.body(30) }, true, []string{"same-bytes: request bodies of 30 bytes equal"}},
		{"of both", func(d, u made) { d.body(30).returns(31); u.body(30).returns(31) }, true, []string{"same-bytes: response bodies of 31 bytes equal"}},
		{"of an answer of a byte", func(d, u made) { d.body(30).returns(1); u.body(30).returns(1) }, true, []string{"same-bytes: response bodies of 1 bytes equal"}},
		{"of the request, and an answer not whole", func(d, u made) { d.body(30).returns(31); u.body(30).returns(31).Resp.Body.Known = 0 }, true,
			[]string{"same-bytes: request bodies of 30 bytes equal"}},
		{"of the request, and no answer", func(d, u made) { d.body(30).unanswered(); u.body(30) }, true, []string{"same-bytes: request bodies of 30 bytes equal"}},
		{"of several", func(_, _ made) {}, false, []string{"only-candidate: every other assignment leaves an upstream exchange without its request"}},
		{"an id, of several", id, false, []string{"request-id: x-request-id x7", "only-candidate: every other assignment leaves an upstream exchange without its request"}},
		{"heads", func(d, u made) { d.with(f(1, 1)); u.with(f(1, 1)) }, true,
			[]string{`same-bytes: request line "GET /" and 1 header fields equal, no other exchange in time has them`}},
		{"heads of answers", func(d, u made) { d.unasked().withBack(f(1, 1)); u.withBack(f(1, 1)) }, true,
			[]string{"same-bytes: status 200 and 1 header fields equal, no other exchange in time has them"}},
		{"cut heads", func(d, u made) { d.request(scan.MsgCut) }, true,
			[]string{`same-bytes: what is left of the request line "GET /" is equal, no other exchange in time has it`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, u := exchange(clientLeg(0), 0, 100*us), exchange(proxyLeg(0), 10*us, 90*us)
			tt.make(d, u)
			d, u = d.seen(3), u.seen(5)
			r := Compare(d.Exchange, u.Exchange)
			var got []string
			for _, e := range explain(d.Exchange, u.Exchange, &r, tt.sole) {
				got = append(got, e.Kind.String()+": "+e.Detail)
				if len(e.Packets) != 2 || e.Packets[0].Packet != 3 || e.Packets[1].Packet != 5 {
					t.Errorf("shown by %v, want packets 3 and 5", e.Packets)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("evidence %q, want %q", got, tt.want)
			}
		})
	}
}

// begins and ends have the first or the last byte of k go by so long before that of
// another half.
func begins(k, of *scan.Content, before int64) { k.Data.Nanos = of.Data.Nanos - before }

func ends(k, of *scan.Content, before int64) { k.LastNanos = of.LastNanos - before }

// Streams are compared in both directions; where the capture ended, as far as they go.
func TestCompareLegs(t *testing.T) {
	const eq, other, unknown = fingerprint.Equal, fingerprint.Different, fingerprint.Unknown
	long := fmt.Sprintf("%0200d", 7)
	carry := func(ask, told, answer, back string, close bool) func(f flowed) {
		return func(f flowed) {
			for _, s := range []struct {
				text string
				put  func(string) *pcap.Packet
			}{{ask, f.down.Send}, {told, f.up.Send}, {answer, f.up.Reply}, {back, f.down.Reply}} {
				if s.text != "" {
					s.put(s.text)
				}
			}
			if close {
				f.close()
			}
		}
	}
	for _, tt := range []struct {
		name  string
		make  func(f flowed)
		than  func(c *Crossing)
		want  fingerprint.Verdict
		bytes int64
	}{
		{"equal", carry(talk, talk, reply, reply, true), nil, eq, int64(len(talk) + len(reply))},
		{"another request", carry(talk, reply, reply, reply, true), nil, other, int64(len(reply))},
		{"another response", carry(talk, talk, reply, talk, true), nil, other, int64(len(talk))},
		{"another length", carry(talk, talk+"x", reply, reply, true), nil, other, int64(len(reply))},
		{"another length on the other side", carry(talk+"x", talk, reply, reply, true), nil, other, int64(len(reply))},
		{"other bytes", carry(talk, "x"+talk[1:], reply, reply, true), nil, other, int64(len(reply))},
		{"nothing said", carry("", "", reply, reply, true), nil, eq, int64(len(reply))},
		{"nothing said on one side", carry("", talk, reply, reply, true), nil, other, int64(len(reply))},
		{"nothing said on the other", carry(talk, "", reply, reply, true), nil, other, int64(len(reply))},
		{"nothing said yet", carry("", talk, reply, reply, false), nil, unknown, int64(len(reply))},
		{"nothing said on the other yet", carry(talk, "", reply, reply, false), nil, unknown, int64(len(reply))},
		{"not to the end, the beginning is equal", carry(long[:100], long, reply, reply, false), nil, unknown, 100 + int64(len(reply))},
		{"nor on the other side", carry(long, long[:100], reply, reply, false), nil, unknown, 100 + int64(len(reply))},
		{"not to the end, the beginning differs", carry("y"+long[:100], long, reply, reply, false), nil, other, int64(len(reply))},
		{"not to the end, too short to compare", carry(long[:fingerprint.Window-1], long, reply, reply, false), nil, unknown, int64(len(reply))},
		{"not to the end, as short as may be", carry(long[:fingerprint.Window], long, reply, reply, false), nil, unknown, fingerprint.Window + int64(len(reply))},
		{"not to the end, and the beginning is missing", carry(long[:100], long, reply, reply, false), func(c *Crossing) {
			c.Index.Content(c.Up[0].Conn.Orig).Print.Known = 0
		}, unknown, int64(len(reply))},
		{"part not known", carry(talk, talk, reply, reply, true), func(c *Crossing) {
			c.Index.Content(c.Up[0].Conn.Orig).Print.Known = fingerprint.KnownLast
		}, unknown, int64(len(talk) + len(reply))},
		{"nothing of it known", carry(talk, talk, reply, reply, true), func(c *Crossing) {
			c.Index.Content(c.Up[0].Conn.Orig).Print.Known = 0
		}, unknown, int64(len(reply))},
		{"one half not captured", carry(talk, talk, reply, reply, true), func(c *Crossing) { c.Down[0].Conn.Orig = 0 }, unknown, int64(len(reply))},
		{"the other half not captured", carry(talk, talk, reply, reply, true), func(c *Crossing) { c.Up[0].Conn.Reply = 0 }, unknown, int64(len(talk))},
		{"differs, and not all is known", carry(talk, reply, reply, reply, true), func(c *Crossing) { c.Up[0].Conn.Reply = 0 }, other, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			tt.make(opened(tr, 1)[0])
			c := crossed(t, tr)
			if tt.than != nil {
				tt.than(c)
			}
			if got := CompareLegs(c.Index, c.Down[0], c.Up[0]); got.Verdict != tt.want || got.bytes != tt.bytes {
				t.Errorf("%v, %d bytes; want %v, %d", got.Verdict, got.bytes, tt.want, tt.bytes)
			}
		})
	}
}
