package logged

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// What a line says of the request is what the client sent; the proxy may have changed
// the target behind it, but not the id.
func TestFits(t *testing.T) {
	noLine := func(e *graph.Exchange) *graph.Exchange {
		e.Req.Flags |= scan.MsgNoLine
		return e
	}
	partial := func(e *graph.Exchange) *graph.Exchange {
		e.Resp.Flags |= scan.MsgPartial
		return e
	}
	for _, tc := range []struct {
		name     string
		line     line
		x        *graph.Exchange
		down, up bool
	}{
		{"says nothing", line{}, exchange("GET /a 200", 0, 1), true, true},
		{"the same", line{request: "GET /a", status: 200, id: "one"}, exchange("GET /a 200 one", 0, 1), true, true},
		{"another method", line{request: "PUT /a", status: 200}, exchange("GET /a 200", 0, 1), false, false},
		{"another path", line{request: "GET /b", status: 200}, exchange("GET /a 200", 0, 1), false, true},
		{"another status", line{request: "GET /a", status: 503}, exchange("GET /a 200", 0, 1), false, false},
		{"no status logged", line{request: "GET /a"}, exchange("GET /a 200", 0, 1), true, true},
		{"no response captured", line{request: "GET /a", status: 503}, exchange("GET /a -", 0, 1), true, true},
		{"no request captured", line{request: "GET /a", status: 200}, exchange("- 200", 0, 1), true, true},
		{"no request captured, another status", line{request: "GET /a", status: 503}, exchange("- 200", 0, 1), false, false},
		{"request line unknown", line{request: "PUT /b", status: 200}, noLine(exchange("GET /a 200", 0, 1)), true, true},
		{"status unknown", line{request: "GET /a", status: 503}, partial(exchange("GET /a 0", 0, 1)), true, true},
		{"another id", line{request: "GET /a", status: 200, id: "two"}, exchange("GET /a 200 one", 0, 1), true, false},
		{"no id logged", line{request: "GET /a", status: 200}, exchange("GET /a 200 one", 0, 1), true, true},
		{"no id captured", line{request: "GET /a", status: 200, id: "two"}, exchange("GET /a 200", 0, 1), true, true},
		{"at another time", line{at: 5000, request: "GET /a", status: 200}, exchange("GET /a 200", 0, 1), false, false},
		{"cannot be read", line{request: "PUT /b", status: 503, received: 10, sent: 20},
			outlined(exchange("GET /a 200", 0, 1), graph.Outline{Req: scan.Sizes{10}, Resp: scan.Sizes{20}}), true, true},
		{"cannot be read, too short", line{received: 10, sent: 20}, outlined(exchange("GET /a 200", 0, 1), graph.Outline{Req: scan.Sizes{10}, Resp: scan.Sizes{19}}), false, false},
		{"cannot be read, at another time", line{at: 5000}, outlined(exchange("GET /a 200", 0, 1), graph.Outline{}), false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := entry(t, tc.line)
			if got := e.fits(downstream, tc.x); got != tc.down {
				t.Errorf("fits the client's leg: %v, want %v", got, tc.down)
			}
			if got := e.fits(upstream, tc.x); got != tc.up {
				t.Errorf("fits the leg behind: %v, want %v", got, tc.up)
			}
		})
	}
}

// A proxy under load takes up late what came in and writes down late what it sent; it
// may have begun to count when it began to wait.
func TestOverlaps(t *testing.T) {
	x, waiting := exchange("GET / 200", 10_000, 10_010), exchange("GET / -", 10_000, 0)
	x.Resp.From = instant(10_005)
	for _, tc := range []struct {
		name string
		line line
		x    *graph.Exchange
		want bool
	}{
		{"at once", line{at: 10_000, took: 10}, x, true},
		{"no time", line{timeless: true, took: 10}, x, true},
		{"as late as may be", line{at: 12_005}, x, true},
		{"too late", line{at: 12_006}, x, false},
		{"not answered, as late as may be", line{at: 12_000}, waiting, true},
		{"not answered, too late", line{at: 12_001}, waiting, false},
		{"as early as may be", line{at: 7_000, took: 999}, x, true},
		{"too early", line{at: 7_000, took: 998}, x, false},
		{"early without end", line{at: 1, endless: true}, x, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := entry(t, tc.line).overlaps(tc.x); got != tc.want {
				t.Errorf("overlaps %v, want %v", got, tc.want)
			}
		})
	}
}

// How far line and exchange are apart is told at both ends, less what times are exact
// to; apart takes the nearer of them.
func TestDistance(t *testing.T) {
	x := exchange("GET / 200", 10_000, 10_010)
	for _, tc := range []struct {
		name            string
		line            line
		distance, apart float64
	}{
		{"none", line{at: 10_000, took: 10}, 0, 0},
		{"as exact as times are", line{at: 9_999, took: 12}, 0, 0},
		{"both late", line{at: 10_003, took: 12}, 2 + 4, 2},
		{"both early", line{at: 9_990, took: 10}, 9 + 9, 9},
		{"begins early", line{at: 9_990, took: 20}, 9, 0},
		{"ends late", line{at: 10_000, took: 15}, 4, 0},
		{"no end, late", line{at: 10_005, endless: true}, 4, 4},
		{"no end, early", line{at: 9_995, endless: true}, 4, 4},
		{"no time", line{timeless: true, took: 15}, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := entry(t, tc.line)
			if got, want := e.distance(x), span(tc.distance); got != want {
				t.Errorf("distance %d, want %d", got, want)
			}
			if got, want := e.apart(x), span(tc.apart); got != want {
				t.Errorf("apart %d, want %d", got, want)
			}
		})
	}
}

// A message that cannot be read has room for a body if one of its lengths has.
func TestRoomIn(t *testing.T) {
	for _, tc := range []struct {
		name           string
		received, sent int
		req, resp      scan.Sizes
		want           bool
	}{
		{"lengths unknown", 100, 100, nil, nil, true},
		{"nothing logged", 0, 0, scan.Sizes{1}, scan.Sizes{1}, true},
		{"just enough", 100, 200, scan.Sizes{100}, scan.Sizes{200}, true},
		{"request too short", 101, 200, scan.Sizes{100}, scan.Sizes{200}, false},
		{"response too short", 100, 201, scan.Sizes{100}, scan.Sizes{200}, false},
		{"one length is enough", 100, 200, scan.Sizes{50, 100}, scan.Sizes{200, 150}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := outlined(exchange("GET / 200", 0, 1), graph.Outline{Req: tc.req, Resp: tc.resp})
			if got := entry(t, line{received: tc.received, sent: tc.sent}).roomIn(x); got != tc.want {
				t.Errorf("room %v, want %v", got, tc.want)
			}
		})
	}
}

func TestSamePath(t *testing.T) {
	for _, tc := range []struct {
		path, target string
		want         bool
	}{
		{"", "/a", true},
		{"/a", "/a", true},
		{"/a", "/b", false},
		{"/a", "/a?b=1", true},
		{"/a?b=1", "/a?b=1", true},
		{"/a?b=2", "/a?b=1", false},
		{"/a?b=1", "/a", false},
		{"/a", "http://app/a", true},
		{"/a", "http://app/a?b=1", true},
		{"/a?b=1", "http://app/a?b=1", true},
		{"/", "http://app", true},
		{"/a", "http://app", false},
		{"http://app/a", "http://app/a", true},
		{"*", "*", true},
	} {
		if got := samePath(tc.path, tc.target); got != tc.want {
			t.Errorf("path %q of target %q: %v, want %v", tc.path, tc.target, got, tc.want)
		}
	}
}

// The client of a line is known by its address, or by that which was forwarded.
func TestFrom(t *testing.T) {
	for _, tc := range []struct {
		name, client, forwarded string
		noRequest               bool
		want                    bool
	}{
		{"the leg's", "10.0.0.1:0", "", false, true},
		{"another", "10.0.0.2:0", "", false, false},
		{"forwarded", "192.0.2.7:0", "192.0.2.7", false, true},
		{"forwarded among others", "192.0.2.7:0", "192.0.2.1, 192.0.2.7,10.9.9.9", false, true},
		{"forwarded for others", "192.0.2.7:0", "192.0.2.1, 192.0.2.70", false, false},
		{"no request", "192.0.2.7:0", "192.0.2.7", true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := exchange("GET / 200", 0, 1)
			x.Req.Forwarded = texts.Text.Keep([]byte(tc.forwarded))
			if tc.noRequest {
				x.Req = nil
			}
			e := entry(t, line{})
			e.DownstreamRemote = addr(tc.client)
			if got := e.from(x); got != tc.want {
				t.Errorf("from %v, want %v", got, tc.want)
			}
		})
	}
}

func TestSameID(t *testing.T) {
	for _, tc := range []struct {
		name, logged, what string
		want               bool
	}{
		{"the same", "one", "GET / 200 one", true},
		{"another", "two", "GET / 200 one", false},
		{"none logged", "", "GET / 200 one", false},
		{"none captured", "one", "GET / 200", false},
		{"none", "", "GET / 200", false},
	} {
		if got := entry(t, line{id: tc.logged}).sameID(exchange(tc.what, 0, 1)); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

// A side of an entry is its leg and its exchanges, and the likeliest of these tells
// the leg.
func TestTell(t *testing.T) {
	e := entry(t, line{})
	d, u := exchange("GET / 200", 0, 1), exchange("GET / 200", 0, 1)
	e.tell(downstream, []*graph.Exchange{d, u})
	if e.leg(downstream) != d.Leg || e.leg(upstream) != nil || len(e.downs) != 2 || e.ups != nil {
		t.Errorf("downs %v, ups %v", e.downs, e.ups)
	}
	e.tell(upstream, []*graph.Exchange{u})
	if e.leg(upstream) != u.Leg || e.leg(downstream) != d.Leg || len(e.ups) != 1 || len(e.downs) != 2 {
		t.Errorf("downs %v, ups %v", e.downs, e.ups)
	}
}

// Of what an entry may be of, those are left that go together, cause before effect,
// and behind the proxy those with the status that the client got.
func TestSettle(t *testing.T) {
	for _, tc := range []struct {
		name     string
		downs    []*graph.Exchange
		ups      []*graph.Exchange
		left     string
		leftBack string
	}{
		{"one of each", list(exchange("GET / 200", 10, 20)), list(exchange("GET / 200", 11, 19)), "0", "0"},
		{"nothing behind", list(exchange("GET / 200", 10, 20), exchange("GET / 200", 30, 40)), nil, "0 1", ""},
		{"nothing before", nil, list(exchange("GET / 200", 10, 20), exchange("GET / 503", 30, 40)), "", "0 1"},
		{"the second client's is later", list(exchange("GET / 200", 10, 20), exchange("GET / 200", 30, 40)), list(exchange("GET / 200", 11, 19)), "0", "0"},
		{"the first client's was over", list(exchange("GET / 200", 0, 5), exchange("GET / 200", 10, 20)), list(exchange("GET / 200", 11, 19)), "1", "0"},
		{"both clients' may be", list(exchange("GET / 200", 5, 25), exchange("GET / 200", 10, 20)), list(exchange("GET / 200", 11, 19)), "0 1", "0"},
		{"the second behind is later", list(exchange("GET / 200", 10, 20)), list(exchange("GET / 200", 11, 19), exchange("GET / 200", 31, 39)), "0", "0"},
		{"the only ones, which do not go together", list(exchange("GET / 200", 10, 20)), list(exchange("GET / 200", 31, 39)), "0", "0"},
		{"the last attempt", list(exchange("GET / 200", 10, 20)), list(exchange("GET / 503", 11, 13), exchange("GET / 200", 14, 19)), "0", "1"},
		{"the last attempt of two", list(exchange("GET / 200", 10, 20)), list(exchange("GET / 200", 11, 13), exchange("GET / 200", 14, 19)), "0", "0 1"},
		{"no attempt was the last", list(exchange("GET / 200", 10, 20)), list(exchange("GET / 503", 11, 13), exchange("GET / 502", 14, 19)), "0", "0 1"},
		{"of two clients, whose answers differ", list(exchange("GET / 200", 5, 25), exchange("GET / 503", 10, 20)), list(exchange("GET / 503", 11, 19), exchange("GET / 502", 11, 19)), "0 1", "0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := entry(t, line{})
			e.downs, e.ups = slices.Clone(tc.downs), slices.Clone(tc.ups)
			e.settle()
			if got := places(e.downs, tc.downs); got != tc.left {
				t.Errorf("left of the client's: %q, want %q", got, tc.left)
			}
			if got := places(e.ups, tc.ups); got != tc.leftBack {
				t.Errorf("left behind: %q, want %q", got, tc.leftBack)
			}
		})
	}
}

// Where messages are uncertain only the ends count.
func TestMayCause(t *testing.T) {
	const slack = float64(index.Causality) / 1e6
	tls := func(at, end float64) *graph.Exchange {
		return outlined(exchange("GET / 200", at, end), graph.Outline{})
	}
	http := func(at, end float64) *graph.Exchange { return exchange("GET / 200", at, end) }
	for _, tc := range []struct {
		name string
		d, u *graph.Exchange
		want bool
	}{
		{"read, within", http(10, 20), http(11, 19), true},
		{"read, ends later", http(10, 20), http(11, 21), false},
		{"read, begins earlier", http(10, 20), http(9, 19), false},
		{"not read, around", http(10, 20), tls(9, 21), true},
		{"not read before, around", tls(10, 20), http(9, 21), true},
		{"over just before", tls(10, 20), http(5, 10-slack), true},
		{"over before", tls(10, 20), http(5, 10-slack-1e-6), false},
		{"begins just after", tls(10, 20), http(20+slack, 30), true},
		{"begins after", tls(10, 20), http(20+slack+1e-6, 30), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := mayCause(tc.d, tc.u); got != tc.want {
				t.Errorf("may cause %v, want %v", got, tc.want)
			}
		})
	}
}

func TestUnhidden(t *testing.T) {
	x := exchange("GET / 200", 0, 1)
	if unhidden(x) != x || unhidden(outlined(exchange("GET / 200", 0, 1), graph.Outline{})) != nil {
		t.Error("what can be read is not what is left")
	}
}

func list(xs ...*graph.Exchange) []*graph.Exchange { return xs }

// places tells where exchanges stand in a list.
func places(xs, in []*graph.Exchange) string {
	var at []int
	for _, x := range xs {
		at = append(at, slices.Index(in, x))
	}
	s := fmt.Sprint(at)
	return s[1 : len(s)-1]
}
