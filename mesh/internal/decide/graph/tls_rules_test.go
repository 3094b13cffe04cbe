package graph

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/wire/tls"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// The lengths of the first records tell whether a certificate is in the flight;
// Finished has 36 or 52 bytes, an empty list 8, and a certificate with its proof 109
// and 72 at the least.
func TestVerdict(t *testing.T) {
	const alone, asked = "client flight is Finished alone", "client certificate asked for, none shown"
	for _, tt := range []struct {
		sizes  []int64
		yes    bool
		reason string
	}{
		{nil, false, ""},
		{[]int64{36}, false, alone}, {[]int64{52}, false, alone}, {[]int64{36, 500}, false, alone},
		{[]int64{35}, false, ""}, {[]int64{37}, false, ""}, {[]int64{51}, false, ""}, {[]int64{53}, false, ""},
		{[]int64{8, 36}, false, asked}, {[]int64{8, 52}, false, asked}, {[]int64{44}, false, asked}, {[]int64{60}, false, asked},
		{[]int64{8}, false, ""}, {[]int64{8, 37}, false, ""}, {[]int64{9, 36}, false, ""}, {[]int64{7, 36}, false, ""}, {[]int64{43}, false, ""}, {[]int64{45}, false, ""},
		{[]int64{109 + 72 + 36}, true, "client flight of 217 bytes"}, {[]int64{109 + 72 + 35}, false, ""}, {[]int64{300}, true, "client flight of 300 bytes"},
		{[]int64{300, 500}, true, "client flight of 300 bytes"}, {[]int64{300, 80, 36, 999}, true, "client flight of 416 bytes"},
		{[]int64{109, 72, 36}, true, "client flight of 217 bytes"}, {[]int64{109, 52}, true, "client flight of 161 bytes"},
		{[]int64{108, 72, 36}, false, ""}, {[]int64{109, 72}, false, ""}, {[]int64{216, 72}, false, ""},
	} {
		yes, reason := (&clientFlight{sizes: tt.sizes}).verdict()
		if yes != tt.yes || reason != tt.reason {
			t.Errorf("records of %v bytes: %v, %q; want %v, %q", tt.sizes, yes, reason, tt.yes, tt.reason)
		}
	}
}

// A flight is the handshake's records and the first six of data, up to a hole.
func TestNewClientFlight(t *testing.T) {
	hello, data, hole := scan.Unit{Kind: scan.UnitKind(tls.TypeHandshake), Len: 200}, scan.Unit{Kind: scan.UnitData, Len: 53}, scan.Unit{Kind: scan.UnitHole}
	alert := scan.Unit{Kind: scan.UnitKind(tls.TypeAlert), Len: 19}
	for _, tt := range []struct {
		units []scan.Unit
		clear int
		sizes []int64
	}{
		{nil, 0, nil},
		{[]scan.Unit{hello, hello, data}, 2, []int64{36}},
		{[]scan.Unit{hello, data, hello}, 1, []int64{36}},
		{[]scan.Unit{hello, data, alert, data}, 1, []int64{36, 36}},
		{[]scan.Unit{hello, hole, data}, 1, nil},
		{[]scan.Unit{data, hole, data}, 0, []int64{36}},
		{slices.Repeat([]scan.Unit{data}, 6), 0, slices.Repeat([]int64{36}, 6)},
		{slices.Repeat([]scan.Unit{data}, 7), 0, slices.Repeat([]int64{36}, 6)},
	} {
		var us []*scan.Unit
		for i := range tt.units {
			us = append(us, &tt.units[i])
		}
		f := newClientFlight(us)
		if f.clear != tt.clear || !slices.Equal(f.sizes, tt.sizes) {
			t.Errorf("%d units: %d in the clear, then %v; want %d, %v", len(us), f.clear, f.sizes, tt.clear, tt.sizes)
		}
	}
}

// The handshake is that of TLS 1.3 by what the server chose; where it was not
// heard, if nothing but hellos is in the clear.
func TestEncrypted(t *testing.T) {
	offers := func(version uint16, retried bool) tls.Facts {
		return tls.Facts{Known: true, Retried: retried, Hello: tls.Hello{Client: true, Version: version}}
	}
	chose := func(version uint16) tls.Facts { return tls.Facts{Known: true, Hello: tls.Hello{Version: version}} }
	for _, tt := range []struct {
		name           string
		client, server tls.Facts
		clear          int
		want           bool
	}{
		{"chosen", offers(0x0304, false), chose(0x0304), 9, true},
		{"older chosen", offers(0x0304, false), chose(0x0303), 1, false},
		{"not heard", offers(0x0304, false), tls.Facts{}, 1, true},
		{"not heard, more in the clear", offers(0x0304, false), tls.Facts{}, 2, false},
		{"not heard, nothing in the clear", offers(0x0304, false), tls.Facts{}, 0, false},
		{"not heard, older offered", offers(0x0303, false), tls.Facts{}, 1, false},
		{"not heard, hello again", offers(0x0304, true), tls.Facts{}, 2, true},
		{"not heard, hello again is missing", offers(0x0304, true), tls.Facts{}, 1, false},
		{"not heard, more than two", offers(0x0304, true), tls.Facts{}, 3, false},
	} {
		f := clientFlight{clear: tt.clear}
		if got := f.encrypted(&tt.client, &tt.server); got != tt.want {
			t.Errorf("%s: encrypted %v, want %v", tt.name, got, tt.want)
		}
	}
}

// What tells mutual TLS, and what must not.
func TestMutual(t *testing.T) {
	const v12, v13 = 0x0303, 0x0304
	client := func(version uint16) tls.Facts {
		return tls.Facts{Known: true, Hello: tls.Hello{Client: true, Version: version}}
	}
	server := func(version uint16) tls.Facts { return tls.Facts{Known: true, Hello: tls.Hello{Version: version}} }
	for _, tt := range []struct {
		name    string
		version uint16
		change  func(c, s *tls.Facts, f *clientFlight)
		yes     bool
		reason  string
	}{
		{"1.2, shown", v12, func(c, s *tls.Facts, f *clientFlight) { c.Presented = true }, true, "client certificate"},
		{"1.2, not asked for", v12, func(c, s *tls.Facts, f *clientFlight) { s.Presented, f.sizes = true, []int64{9} }, false, "no client certificate asked for"},
		{"1.2, not shown", v12, func(c, s *tls.Facts, f *clientFlight) { s.Presented, s.Requested, f.sizes = true, true, []int64{9} }, false, "client certificate asked for, none shown"},
		{"1.2, the server's is not seen", v12, func(c, s *tls.Facts, f *clientFlight) { f.sizes = []int64{9} }, false, ""},
		{"1.2, some of the server's is missing", v12, func(c, s *tls.Facts, f *clientFlight) { s.Presented, s.Missing, f.sizes = true, true, []int64{9} }, false, ""},
		{"1.2, some of the client's is missing", v12, func(c, s *tls.Facts, f *clientFlight) { s.Presented, c.Missing, f.sizes = true, true, []int64{9} }, false, ""},
		{"1.2, not over yet", v12, func(c, s *tls.Facts, f *clientFlight) { s.Presented = true }, false, ""},
		{"1.2, resumed", v12, func(c, s *tls.Facts, f *clientFlight) { s.Resumed, c.Presented = true, true }, false, ""},
		{"1.3", v13, func(c, s *tls.Facts, f *clientFlight) { f.sizes = []int64{36} }, false, "client flight is Finished alone"},
		{"1.3, resumed", v13, func(c, s *tls.Facts, f *clientFlight) { s.Resumed, f.sizes = true, []int64{36} }, false, ""},
		{"1.3, early data", v13, func(c, s *tls.Facts, f *clientFlight) { c.Hello.EarlyData, f.sizes = true, []int64{36} }, false, ""},
		{"1.3, a flight that tells nothing", v13, func(c, s *tls.Facts, f *clientFlight) { f.sizes = []int64{37} }, false, ""},
		{"1.3, that names itself", v13, func(c, s *tls.Facts, f *clientFlight) {
			f.sizes, c.Hello.ALPN = []int64{37}, []string{"h2", "istio-peer-exchange"}
		}, true, "ALPN istio-peer-exchange"},
		{"1.3, that names itself, but shows nothing", v13, func(c, s *tls.Facts, f *clientFlight) {
			f.sizes, c.Hello.ALPN = []int64{36}, []string{"istio"}
		}, false, "client flight is Finished alone"},
		{"resumed, that names itself", v13, func(c, s *tls.Facts, f *clientFlight) { s.Resumed, c.Hello.ALPN = true, []string{"istio"} }, true, "ALPN istio"},
		{"another name", v13, func(c, s *tls.Facts, f *clientFlight) { s.Resumed, c.Hello.ALPN = true, []string{"h2", "xistio"} }, false, ""},
	} {
		c, s, f := client(tt.version), server(tt.version), clientFlight{clear: 1}
		tt.change(&c, &s, &f)
		if yes, reason := mutual(&c, &s, &f); yes != tt.yes || reason != tt.reason {
			t.Errorf("%s: %v, %q; want %v, %q", tt.name, yes, reason, tt.yes, tt.reason)
		}
	}
}

// A resumed session is what the one before was, between the same ends under the
// same name; where these were of both kinds nothing is said.
func TestJudgeResumed(t *testing.T) {
	leg := func(id int, src, dst, name string, tls flow.TLS) *Leg {
		l := bare()
		l.ID, l.TLS = id, tls
		l.TLS.SNI = name
		l.Orig.Src, l.Reply.Src = netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
		return l
	}
	full := func(mutual bool) flow.TLS { return flow.TLS{Mutual: mutual, Reason: "r"} }
	resumed := flow.TLS{Resumed: true}
	for _, tt := range []struct {
		name string
		legs []*Leg // the last one is asked about
		want string
	}{
		{"from another port", []*Leg{leg(3, client, app, "a", full(true)), leg(1, "192.0.2.1:7", app, "a", resumed)}, "true session resumed; leg 3: r"},
		{"not mutual", []*Leg{leg(3, client, app, "a", full(false)), leg(1, client, app, "a", resumed)}, "false session resumed; leg 3: r"},
		{"before the other", []*Leg{leg(3, client, app, "a", full(true)), leg(4, client, app, "a", full(true)), leg(1, client, app, "a", resumed)}, "true session resumed; leg 3: r"},
		{"another client", []*Leg{leg(3, "192.0.2.2:1", app, "a", full(true)), leg(1, client, app, "a", resumed)}, "false "},
		{"another server", []*Leg{leg(3, client, vip, "a", full(true)), leg(1, client, app, "a", resumed)}, "false "},
		{"another name", []*Leg{leg(3, client, app, "b", full(true)), leg(1, client, app, "a", resumed)}, "false "},
		{"both kinds", []*Leg{leg(3, client, app, "a", full(true)), leg(4, client, app, "a", full(false)), leg(1, client, app, "a", resumed)}, "false "},
		{"nothing is known of it", []*Leg{leg(3, client, app, "a", flow.TLS{Mutual: true}), leg(1, client, app, "a", resumed)}, "false "},
		{"it was resumed itself", []*Leg{leg(3, client, app, "a", flow.TLS{Resumed: true, Mutual: true, Reason: "r"}), leg(1, client, app, "a", resumed)}, "false "},
		{"it is known otherwise", []*Leg{leg(3, client, app, "a", full(true)), leg(1, client, app, "a", flow.TLS{Resumed: true, Reason: "s"})}, "false s"},
		{"it is not resumed", []*Leg{leg(3, client, app, "a", full(true)), leg(1, client, app, "a", flow.TLS{})}, "false "},
	} {
		judgeResumed(tt.legs)
		l := tt.legs[len(tt.legs)-1]
		if got := fmt.Sprint(l.TLS.Mutual, " ", l.TLS.Reason); got != tt.want {
			t.Errorf("%s: mutual %s, want %s", tt.name, got, tt.want)
		}
	}
}
