package scan_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/pcapmesh/pcapmesh/internal/wire/http1"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// Heads whose lengths are easy to add up.
var (
	getA  = text("GET /a HTTP/1.1", "host: app")                  // 30 bytes
	getB  = text("GET /b HTTP/1.1", "host: app")                  // 30 bytes
	postA = text("POST /a HTTP/1.1", "content-length: 10")        // 40 bytes
	ok    = text("HTTP/1.1 200 OK", "content-length: 0")          // 38 bytes
	ok5   = text("HTTP/1.1 200 OK", "content-length: 5")          // 38 bytes
	ok400 = text("HTTP/1.1 200 OK", "content-length: 400")        // 40 bytes
	bare  = text("HTTP/1.1 200 OK")                               // 19 bytes
	again = text("HTTP/1.1 100 Continue")                         // 25 bytes
	chunk = text("HTTP/1.1 200 OK", "transfer-encoding: chunked") // 47 bytes
	x100  = strings.Repeat("x", 100)
)

func TestMessages(t *testing.T) {
	tests := []struct {
		name string
		h    *half
		want []string
	}{
		{"one packet", alone().hear(7).send(getA).fin(),
			[]string{"GET /a, bytes 0/0-30-30, packets 1-1, heard 7-7, complete, body 0 (7)"}},
		{"pipelined in one packet", alone().send(getA + getB).fin(),
			[]string{"GET /a, bytes 0/0-30-30, packets 1-1, complete, body 0 (7)", "GET /b, bytes 30/30-60-60, packets 1-1, complete, body 0 (7)"}},
		{"one after the other", alone().send(getA).hear(9).send(getB).fin(),
			[]string{"GET /a, bytes 0/0-30-30, packets 1-1, complete, body 0 (7)", "GET /b, bytes 30/30-60-60, packets 2-2, heard 9-9, complete, body 0 (7)"}},
		{"a split head begins with its first packet", alone().send(getA[:10]).hear(3).send(getA[10:20], getA[20:]).fin(),
			[]string{"GET /a, bytes 0/0-30-30, packets 1-3, heard 0-3, complete, body 0 (7)"}},
		{"the next head begins in the packet that ends one", alone().send(getA[:10], getA[10:]+getB[:5], getB[5:]).fin(),
			[]string{"GET /a, bytes 0/0-30-30, packets 1-2, complete, body 0 (7)", "GET /b, bytes 30/30-60-60, packets 2-3, complete, body 0 (7)"}},
		{"the next head begins with the packet after", alone().send(getA, getB[:5], getB[5:]).fin(),
			[]string{"GET /a, bytes 0/0-30-30, packets 1-1, complete, body 0 (7)", "GET /b, bytes 30/30-60-60, packets 2-3, complete, body 0 (7)"}},
		{"a body in packets", alone().send(postA+"01234", "56789", getA).fin(),
			[]string{"POST /a, bytes 0/0-40-50, packets 1-2, complete, has body, body 10 (7)", "GET /a, bytes 50/50-80-80, packets 3-3, complete, body 0 (7)"}},
		{"a body of no length has no body", alone().send(ok).fin(),
			[]string{"200, bytes 0/0-38-38, packets 1-1, complete, body 0 (7)"}},
		{"a body of one byte has one", alone().send(text("HTTP/1.1 200 OK", "content-length: 1") + "z").fin(),
			[]string{"200, bytes 0/0-38-39, packets 1-1, complete, has body, body 1 (7)"}},
		{"chunks", alone().send(chunk+"5\r\n01234\r\n", "0\r\n\r\n").fin(),
			[]string{"200, bytes 0/0-47-62, packets 1-2, complete, has body, body 5 (7)"}},
		{"a body until the end", alone().send(bare+"01234", "567").fin(),
			[]string{"200, bytes 0/0-19-27, packets 1-2, complete, body 8 (7)"}},
		{"a body until the end, reset", alone().send(bare+x100, x100).close(reassembly.EndRST),
			[]string{"200, bytes 0/0-19-219, packets 1-2, body ? (1)"}},
		{"a body until the end, which did not come", alone().send(bare + x100).close(reassembly.EndOpen),
			[]string{"200, bytes 0/0-19-119, packets 1-1, body ? (1)"}},
		{"a body cut off", alone().send(ok400+x100, x100).fin(),
			[]string{"200, bytes 0/0-40-240, packets 1-2, has body, body 400 (3)"}},
		{"a body with a hole", alone().send(ok400+x100, x100).lose(100).send(x100).fin(),
			[]string{"200, bytes 0/0-40-440, packets 1-3, complete, has body, body 400 (7)"}},
		{"a body with a hole at its end, followed by a head", alone().send(ok400+x100, x100).lose(200).send(ok).fin(),
			[]string{"200, bytes 0/0-40-440, packets 1-2, complete, has body, end lost, body 400 (3)", "200, bytes 440/440-478-478, packets 3-3, complete, body 0 (7)"}},
		{"all of a body", alone().send(ok400).lose(400).send(ok).fin(),
			[]string{"200, bytes 0/0-40-440, packets 1-1, complete, has body, end lost, body 400 (2)", "200, bytes 440/440-478-478, packets 2-2, complete, body 0 (7)"}},
		{"its end is cut off by the snapshot length, and was seen", alone().send(ok400 + x100 + x100).cut(200).send(ok).fin(),
			[]string{"200, bytes 0/0-40-440, packets 1-1, complete, has body, body 400 (3)", "200, bytes 440/440-478-478, packets 2-2, complete, body 0 (7)"}},
		{"interim responses belong to the one after them", alone().send(again).send(again+ok, ok).fin(),
			[]string{"200, bytes 0/50-88-88, packets 2-2, complete, body 0 (7)", "200, bytes 88/88-126-126, packets 3-3, complete, body 0 (7)"}},
		{"an interim response after another", alone().send(ok, again[:9], again[9:], ok).fin(),
			[]string{"200, bytes 0/0-38-38, packets 1-1, complete, body 0 (7)", "200, bytes 38/63-101-101, packets 4-4, complete, body 0 (7)"}},
		{"switching protocols is no interim response", alone().send(text("HTTP/1.1 101 Switching Protocols", "upgrade: x")).fin(),
			[]string{"101, bytes 0/0-48-48, packets 1-1, complete, body 0 (7)"}},
		{"a hole between messages", alone().send(getA).lose(5).send(getB).fin(),
			[]string{"GET /a, bytes 0/0-30-30, packets 1-1, complete, body 0 (7)", "GET /b, bytes 30/35-65-65, packets 2-2, complete, resync, body 0 (7)"}},
		{"a hole in a head loses it", alone().send(getA[:10]).lose(20).send(getB[:9], getB[9:]).fin(),
			[]string{"GET /b, bytes 0/30-60-60, packets 2-3, complete, resync, body 0 (7)"}},
		{"after a lost chunk nothing is before", alone().send(chunk + "5\r\n01").lose(30).send(ok).fin(),
			[]string{"200, bytes 0/0-47-55, packets 1-1, has body, end lost, body ? (0)", "200, bytes 82/82-120-120, packets 2-2, complete, resync, body 0 (7)"}},
		{"from the middle", midway().send(getA).fin(),
			[]string{"GET /a, bytes 0/0-30-30, packets 1-1, complete, resync, body 0 (7)"}},
		{"from the middle of one", midway().send("rest", getA, getB).fin(),
			[]string{"GET /a, bytes 4/4-34-34, packets 2-2, complete, resync, body 0 (7)", "GET /b, bytes 34/34-64-64, packets 3-3, complete, body 0 (7)"}},
		{"what comes first was sent again after the last", alone().again(90, postA+"01234").send("56789").fin(),
			[]string{"POST /a, bytes 0/0-40-50, packets 1-1, complete, has body, body 10 (7)"}},
		{"what comes first was sent at the time of the last", alone().again(20, postA+"01234").send("56789").fin(),
			[]string{"POST /a, bytes 0/0-40-50, packets 1-2, complete, has body, body 10 (7)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.h.check(t, tt.want...) })
	}
}

// Without its request, a response that announces a body has one unless the next
// one follows at once; then that shows where it ended, but not later than its
// own packet.
func TestEndIsFoundOutLater(t *testing.T) {
	h := alone().send(ok5, ok5+"01234").fin()
	h.check(t, "200, bytes 0/0-38-38, packets 1-1, complete, has body, body 0 (7)", "200, bytes 38/38-76-81, packets 2-2, complete, has body, body 5 (7)")
}

// A body of known length is not read but for its windows; its end is that of
// the packet with the last byte nevertheless.
func TestBodiesAreSkipped(t *testing.T) {
	const n = 40000
	head := text("HTTP/1.1 200 OK", fmt.Sprint("content-length: ", n))
	h := alone().send(head)
	for range n / 1000 {
		h.send(strings.Repeat("y", 1000))
	}
	h.send(ok).fin()
	h.check(t, "200, bytes 0/0-42-40042, packets 1-41, complete, has body, body 40000 (7)", "200, bytes 40042/40042-40080-40080, packets 42-42, complete, body 0 (7)")
	if h.unread < n-3000 {
		t.Errorf("%d bytes of %d were not read, want almost all", h.unread, n)
	}
	if got := h.content().LastNanos; got != 420 {
		t.Errorf("last packet with payload at %d, want 420", got)
	}
}

// What a response answers decides whether it has a body. It is asked of the
// other half, in the order of requests.
func TestBodyOfAnswer(t *testing.T) {
	head, get, connect := text("HEAD / HTTP/1.1"), text("GET / HTTP/1.1"), text("CONNECT a:1 HTTP/1.1")
	tests := []struct {
		name string
		asks []string
		says []string
		want []string
	}{
		{"HEAD", []string{head}, []string{ok5, ok5 + "01234"},
			[]string{"200, bytes 0/0-38-38, packets 1-1, complete, has body, body 0 (7)", "200, bytes 38/38-76-81, packets 2-2, complete, has body, body 5 (7)"}},
		{"GET", []string{get}, []string{ok5 + "HTTP/"},
			[]string{"200, bytes 0/0-38-43, packets 1-1, complete, has body, body 5 (7)"}},
		{"GET, and its body looks like a response", []string{get}, []string{ok400, bare + strings.Repeat("z", 381)},
			[]string{"200, bytes 0/0-40-440, packets 1-2, complete, has body, body 400 (7)"}},
		{"not known, and its body looks like a response", nil, []string{ok400, bare + strings.Repeat("z", 381)},
			[]string{"200, bytes 0/0-40-40, packets 1-1, complete, has body, body 0 (7)", "200, bytes 40/40-59-440, packets 2-2, complete, body 381 (7)"}},
		{"each its own", []string{get, head, get}, []string{ok5 + "01234", ok5, ok5 + "HTTP/"},
			[]string{
				"200, bytes 0/0-38-43, packets 1-1, complete, has body, body 5 (7)", "200, bytes 43/43-81-81, packets 2-2, complete, has body, body 0 (7)",
				"200, bytes 81/81-119-124, packets 3-3, complete, has body, body 5 (7)",
			}},
		{"an interim response answers nothing", []string{head}, []string{again + ok5, ok},
			[]string{"200, bytes 0/25-63-63, packets 1-1, complete, has body, body 0 (7)", "200, bytes 63/63-101-101, packets 2-2, complete, body 0 (7)"}},
		{"CONNECT", []string{connect}, []string{bare + "tunnelled"},
			[]string{"200, bytes 0/0-19-19, packets 1-1, complete, connect, body 0 (7)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, resp := pair()
			req.send(tt.asks...)
			resp.send(tt.says...).fin()
			resp.check(t, tt.want...)
		})
	}
}

// Requests tell only if the first of them was seen, and they are requests.
func TestBodyIsGuessed(t *testing.T) {
	asks := text("HEAD / HTTP/1.1")
	for _, tt := range []struct {
		name  string
		first func(s *scan.Scan) *half
	}{
		{"captured from the middle", func(s *scan.Scan) *half { return open(s, 1, false).send(asks) }},
		{"responses", func(s *scan.Scan) *half { return open(s, 1, true).send(bare) }},
		{"not bound", func(s *scan.Scan) *half { return open(s, 3, true).send(asks) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := scan.New(nil, nil)
			tt.first(s)
			if open(s, 2, true); tt.name != "not bound" {
				s.Bind(1, 2)
			}
			h := &half{s: s, id: 2}
			h.send(ok5, "01234").fin()
			h.check(t, "200, bytes 0/0-38-43, packets 1-2, complete, has body, body 5 (7)")
		})
	}
}

// On a second reading all requests are known, by whoever asks.
func TestAsked(t *testing.T) {
	var asked []string
	req, resp := pair()
	req.send(text("HEAD / HTTP/1.1"))
	resp.s.Asked = func(id reassembly.HalfID, m *scan.Message) http1.BodyRule {
		asked = append(asked, fmt.Sprintf("%d: %d at %d", id, m.Status, m.Start))
		return http1.BodyNormal
	}
	resp.send(ok5+"HTTP/", again, bare).fin()
	resp.check(t, "200, bytes 0/0-38-43, packets 1-1, complete, has body, body 5 (7)", "200, bytes 43/68-87-87, packets 3-3, complete, body 0 (7)")
	if want := []string{"2: 200 at 0", "2: 200 at 68"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}

func TestRuleOf(t *testing.T) {
	for _, tt := range []struct {
		method string
		want   http1.BodyRule
	}{
		{"HEAD", http1.BodyNone}, {"CONNECT", http1.BodyConnect}, {"GET", http1.BodyNormal}, {"", http1.BodyNormal}, {"head", http1.BodyNormal},
	} {
		if got := scan.RuleOf([]byte(tt.method)); got != tt.want {
			t.Errorf("RuleOf(%q) = %d, want %d", tt.method, got, tt.want)
		}
	}
}

func TestTunnel(t *testing.T) {
	for _, tt := range []struct {
		name string
		h    *half
		want int64
	}{
		{"none", alone().send(ok).fin(), -1},
		{"switching protocols", alone().send(ok, text("HTTP/1.1 101 Switching Protocols", "upgrade: x")+"\x81\x00").fin(), 38 + 48},
		{"requests", alone().send(text("CONNECT a:1 HTTP/1.1"), "\x16\x03\x01").fin(), 24},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.h.content().Tunnel; got != tt.want {
				t.Errorf("tunnel from %d on, want %d", got, tt.want)
			}
		})
	}
}

func TestFieldsThatTie(t *testing.T) {
	const id = "0af7651916cd43dd8448eb211c80319c"
	hash := func(s string) uint64 { return xxhash.Sum64String(s) }
	type known struct {
		host, id, forwarded string
		trace               uint64
		service             int32
		probe               bool
	}
	for _, tt := range []struct {
		name   string
		fields []string
		want   known
	}{
		{"none", nil, known{service: -1}},
		{"names in any case", []string{"HOST: a", "X-Request-Id: b", "X-Forwarded-For: c, d"}, known{host: "a", id: "b", forwarded: "c, d", service: -1}},
		{"a name of 40 bytes is not taken for its beginning", []string{"x-request-id" + strings.Repeat("-", 28) + ": b"}, known{service: -1}},
		{"kubelet", []string{"user-agent: kube-probe/1.32"}, known{service: -1, probe: true}},
		{"nearly kubelet", []string{"user-agent: kube-probe"}, known{service: -1}},
		{"the agent in its name", []string{"user-agent: a kube-probe/1.32"}, known{service: -1}},
		{"upstream took no time", []string{"x-envoy-upstream-service-time: 0"}, known{}},
		{"upstream took some time", []string{"x-envoy-upstream-service-time: 109"}, known{service: 109}},
		{"nine digits", []string{"x-envoy-upstream-service-time: 987654321"}, known{service: 987654321}},
		{"ten digits", []string{"x-envoy-upstream-service-time: 1234567890"}, known{service: -1}},
		{"no digits", []string{"x-envoy-upstream-service-time:"}, known{service: -1}},
		{"below a digit", []string{"x-envoy-upstream-service-time: 1/"}, known{service: -1}},
		{"above a digit", []string{"x-envoy-upstream-service-time: 1:"}, known{service: -1}},
		{"W3C", []string{"traceparent: 00-" + id + "-b7ad6b7169203331-01"}, known{service: -1, trace: hash(id)}},
		{"W3C, as long as it must be", []string{"traceparent: 00-" + id + "-"}, known{service: -1, trace: hash(id)}},
		{"W3C, cut", []string{"traceparent: 00-" + id}, known{service: -1, trace: hash("00")}},
		{"W3C, with another sign behind the id", []string{"traceparent: 00-" + id + "+b7ad"}, known{service: -1, trace: hash("00")}},
		{"B3", []string{"b3: " + id + "-e457b5a2e4d86bd1-1"}, known{service: -1, trace: hash(id)}},
		{"B3, decision only", []string{"b3: 1"}, known{service: -1}},
		{"B3 in fields of its own", []string{"X-B3-TraceId: " + id}, known{service: -1, trace: hash(id)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := alone().send(text(append([]string{"GET / HTTP/1.1"}, tt.fields...)...)).fin()
			m := h.message(t)
			got := known{h.s.Text.String(m.Host), h.s.Text.String(m.ID), h.s.Text.String(m.Forwarded), m.Trace, m.ServiceMillis, m.Is(scan.MsgProbe)}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// Envoy writes into a request that it sends on how long it waits, and into an answer that
// it is the server.
func TestByEnvoy(t *testing.T) {
	for _, tt := range []struct {
		line, field string
		want        bool
	}{
		{"GET / HTTP/1.1", "X-Envoy-Expected-Rq-Timeout-Ms: 15000", true},
		{"GET / HTTP/1.1", "x-envoy-attempt-count: 1", false}, // applications send it on
		{"GET / HTTP/1.1", "server: envoy", false},
		{"HTTP/1.1 200 OK", "server: envoy", true},
		{"HTTP/1.1 200 OK", "Server: istio-envoy", true},
		{"HTTP/1.1 200 OK", "server: nginx", false},
		{"HTTP/1.1 200 OK", "x-envoy-expected-rq-timeout-ms: 15000", false},
	} {
		m := alone().send(text(tt.line, tt.field, "content-length: 0")).fin().message(t)
		if m.Is(scan.MsgByEnvoy) != tt.want {
			t.Errorf("%s, %s: by Envoy %v, want %v", tt.line, tt.field, !tt.want, tt.want)
		}
	}
}

// fields returns the hashes that the only message of a half is compared by.
func fields(t *testing.T, h *half) []scan.Field {
	t.Helper()
	r := h.message(t).Fields
	var out []scan.Field
	for i := range r.N {
		out = append(out, *h.s.Fields.At(r.First + i))
	}
	return out
}

// hashed returns the hashes of fields "name: value" in their order.
func hashed(fields ...string) []scan.Field {
	var out []scan.Field
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		out = append(out, scan.Field{Name: uint32(xxhash.Sum64String(name)), Value: uint32(xxhash.Sum64String(value))})
	}
	slices.SortFunc(out, func(a, b scan.Field) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value)) })
	return out
}

// Heads are compared by the hashes of the fields that are not of one connection
// alone, in the order of the hashes.
func TestFieldsAreCompared(t *testing.T) {
	var many []string
	for i := range 70 {
		many = append(many, fmt.Sprintf("x-field: %d", i))
	}
	hops := []string{
		"connection: close", "keep-alive: 1", "te: trailers", "trailer: x", "upgrade: h2c", "content-length: 0",
		"proxy-connection: close", "proxy-authorization: x", "proxy-authenticate: x", "http2-settings: x", "x-request-id: 1", "date: now", "server: envoy",
	}
	for _, tt := range []struct {
		name       string
		head, want []string
	}{
		{"none", nil, nil},
		{"one", []string{"Accept: a"}, []string{"accept: a"}},
		{"in any order", []string{"a: 1", "c: 1", "b: 1", "d: 1"}, []string{"d: 1", "c: 1", "b: 1", "a: 1"}},
		{"of one name", many[:9], many[:9]},
		{"twice the same", []string{"a: 2", "a: 1", "a: 2"}, []string{"a: 1", "a: 2", "a: 2"}},
		{"of the connection", append(hops, "Transfer-Encoding: chunked", "x: y"), []string{"x: y"}},
		{"of proxies", []string{"x-forwarded-for: a", "X-Forwarded-Client-Cert: x", "b3: x-y", "X-B3-TraceId: x", "x-envoy-upstream-service-time: 5", "via: 1.1 a", "x-envoy-peer-metadata: x"}, nil},
		{"that come through them", []string{"host: app", "x-envoy-attempt-count: 2", "forwarding: x", "x-forward: x"}, []string{"host: app", "x-envoy-attempt-count: 2", "forwarding: x", "x-forward: x"}},
		{"64 are kept", many[:64], many[:64]},
		{"the 65th is not", many[:65], many[:64]},
		{"none after it", many, many[:64]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := alone().send(text(append([]string{"GET / HTTP/1.1"}, tt.head...)...)).fin()
			if got, want := fields(t, h), hashed(tt.want...); !slices.Equal(got, want) {
				t.Errorf("fields %v, want %v", got, want)
			}
		})
	}
}

// The fields of each head stand apart.
func TestFieldsOfEachHead(t *testing.T) {
	h := alone().send(text("GET / HTTP/1.1", "b: 1", "a: 1") + text("GET / HTTP/1.1") + text("GET / HTTP/1.1", "c: 1")).fin()
	var got []scan.FieldRange
	for _, m := range h.messages() {
		got = append(got, m.Fields)
	}
	if want := []scan.FieldRange{{First: 0, N: 2}, {First: 2, N: 0}, {First: 2, N: 1}}; !slices.Equal(got, want) {
		t.Errorf("ranges %v, want %v", got, want)
	}
}

func TestAppendLower(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
	}{
		{"letters", "ABYZ-abyz", "abyz-abyz"},
		{"beside letters", "@A[Z{", "@a[z{"},
		{"as long as there is room", "ABCDEFGHIJ", "abcdefghij"},
		{"longer than there is room", "ABCDEFGHIJK", "abcdefghij"},
		{"empty", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(scan.AppendLower(make([]byte, 0, 10), []byte(tt.in))); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestListMessages(t *testing.T) {
	h := alone().send(getA, getB).fin()
	for want, n := range map[scan.Proto]int{scan.ProtoRequests: 2, scan.ProtoResponses: 0, scan.ProtoH2Requests: 0} {
		if got := scan.ListMessages(h.s, h.content(), want); len(got) != n {
			t.Errorf("%d messages of kind %d, want %d", len(got), want, n)
		}
	}
}

func TestLength(t *testing.T) {
	for _, tt := range []struct {
		name  string
		flags scan.Flags
		want  scan.Sizes
	}{
		{"whole, with what stands before", scan.MsgComplete, scan.Sizes{90}},
		{"cut off", 0, nil},
		{"cut off and found again", scan.MsgResync, nil},
		{"found again", scan.MsgComplete | scan.MsgResync, scan.Sizes{70}},
		{"read by turns", scan.MsgComplete | scan.MsgCut, scan.Sizes{70}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := scan.Message{Before: 10, Start: 30, End: 100, Flags: tt.flags}
			if got := m.Length(); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestHasLine(t *testing.T) {
	for flags, want := range map[scan.Flags]bool{0: true, scan.MsgPartial: true, scan.MsgCut: false, scan.MsgNoLine: false, scan.MsgCut | scan.MsgNoLine: false} {
		if m := (scan.Message{Flags: flags}); m.HasLine() != want {
			t.Errorf("flags %b: HasLine is %v, want %v", flags, m.HasLine(), want)
		}
	}
}
