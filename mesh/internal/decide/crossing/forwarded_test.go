package crossing

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

func TestIsAddr(t *testing.T) {
	for _, tt := range []struct {
		s, a string
		want bool
	}{
		{"192.0.2.1", "192.0.2.1", true}, {" 192.0.2.1 ", "192.0.2.1", true}, {"::ffff:192.0.2.1", "192.0.2.1", true}, {"192.0.2.2", "192.0.2.1", false},
		{"", "192.0.2.1", false}, {"unknown", "192.0.2.1", false}, {"192.0.2.1:80", "192.0.2.1", false}, {"2001:db8::1", "2001:db8::1", true},
	} {
		if got := IsAddr(tt.s, netip.MustParseAddr(tt.a)); got != tt.want {
			t.Errorf("%q is %s: %v, want %v", tt.s, tt.a, got, tt.want)
		}
	}
}

// A gateway appends its client to x-forwarded-for, or sets it; whatever else it
// becomes, the request came from someone else.
func TestForwards(t *testing.T) {
	for _, tt := range []struct {
		name          string
		before, after string
		make          func(d, u made)
		want          forwardedTo
	}{
		{"nothing", "", "", nil, forwardedUnknown},
		{"nothing behind the proxy", "192.0.2.9", "", nil, forwardedUnknown},
		{"passed on", "192.0.2.9", "192.0.2.9", nil, forwardedFrom},
		{"set", "", "192.0.2.1", nil, forwardedFrom},
		{"set in place of another", "192.0.2.9", "192.0.2.1", nil, forwardedFrom},
		{"appended", "192.0.2.9", "192.0.2.9, 192.0.2.1", nil, forwardedFrom},
		{"appended without a space", "192.0.2.9", "192.0.2.9,192.0.2.1", nil, forwardedFrom},
		{"set to another", "", "192.0.2.9", nil, forwardedOther},
		{"another appended", "192.0.2.9", "192.0.2.9, 192.0.2.8", nil, forwardedOther},
		{"appended to another", "192.0.2.9", "192.0.2.8, 192.0.2.1", nil, forwardedOther},
		{"without the client's request", "", "192.0.2.1", func(d, _ made) { d.unasked() }, forwardedUnknown},
		{"without the server's request", "", "192.0.2.1", func(_, u made) { u.unasked() }, forwardedUnknown},
		{"of a cut head", "", "192.0.2.1", func(d, _ made) { d.request(scan.MsgCut) }, forwardedUnknown},
		{"of part of a head", "", "192.0.2.1", func(d, _ made) { d.request(scan.MsgPartial) }, forwardedUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, u := exchange(clientLeg(0), 0, 100*us), exchange(proxyLeg(0), 10*us, 90*us)
			if tt.before != "" {
				d.forwarded(tt.before)
			}
			if tt.after != "" {
				u.forwarded(tt.after)
			}
			if tt.make != nil {
				tt.make(d, u)
			}
			if got := forwards(d.Exchange, u.Exchange); got != tt.want {
				t.Errorf("forwards %v, want %v", got, tt.want)
			}
		})
	}
}

// The field decides between clients where it names one of them; where it names none,
// it says nothing.
func TestForwardedDecides(t *testing.T) {
	ask := func(i int) made { return exchange(clientLeg(i), 0, 100*us) }
	serve := func(i int, list string) made { return exchange(proxyLeg(i), 10*us, 90*us).forwarded(list) }
	for _, tt := range []struct {
		name string
		ups  []made
		want []string
	}{
		{"each names its client", []made{serve(0, "192.0.2.2"), serve(1, "192.0.2.1")}, []string{"1.0>0.0", "0.0>1.0"}},
		{"one does", []made{serve(0, "192.0.2.2"), exchange(proxyLeg(1), 10*us, 90*us)}, []string{"1.0>0.0", "0.0>1.0"}},
		{"none does", []made{serve(0, "192.0.2.8"), serve(1, "192.0.2.9")}, []string{"?0.0>0.0|1.0", "?1.0>1.0|0.0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := between([]made{ask(0), ask(1)}, tt.ups)
			c.JoinExchanges()
			if got := told(c.Links); !slices.Equal(got, tt.want) {
				t.Errorf("links %v, want %v", got, tt.want)
			}
		})
	}
}

// That a request names its client proves something, even where not all was captured, if
// that client had no other connection then.
func TestOnlyClient(t *testing.T) {
	const c = index.Causality
	for _, tt := range []struct {
		name       string
		list       string
		from, to   int64 // another connection of the client
		port, want bool  // the other is of another client; it proves
	}{
		{"no other connection", "192.0.2.1", -900 * us, -800 * us, false, true},
		{"another client's", "192.0.2.1", 0, 100 * us, true, true},
		{"at the same time", "192.0.2.1", 0, 100 * us, false, false},
		{"as late as may be", "192.0.2.1", 10*us + c, 900 * us, false, false},
		{"later", "192.0.2.1", 10*us + c + 1, 900 * us, false, true},
		{"as early as may be", "192.0.2.1", -900 * us, 10*us - c, false, false},
		{"earlier", "192.0.2.1", -900 * us, 10*us - c - 1, false, true},
		{"the last of several", "192.0.2.9, 192.0.2.1", -900 * us, -800 * us, false, false},
		{"of others", "192.0.2.9", -900 * us, -800 * us, false, false},
		{"nobody named", "", -900 * us, -800 * us, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, u := exchange(clientLeg(0), 0, 100*us), exchange(proxyLeg(0), 10*us, 90*us)
			if tt.list != "" {
				u.forwarded(tt.list)
			}
			other := leg("192.0.2.1:40001", "10.0.0.1:8080")
			if tt.port {
				other = clientLeg(1)
			}
			x := between([]made{d}, []made{u})
			other.Start, other.End = capture.Time(tt.from), capture.Time(tt.to)
			x.Down = append(x.Down, other)
			if got := x.onlyClient(&x.Down[0].Exchanges[0], u.Exchange); got != tt.want {
				t.Errorf("it proves: %v, want %v", got, tt.want)
			}
		})
	}
	d, u := exchange(clientLeg(0), 0, 100*us), exchange(proxyLeg(0), 10*us, 90*us).forwarded("192.0.2.9, 192.0.2.1")
	x := between([]made{d.forwarded("192.0.2.9")}, []made{u})
	if !x.onlyClient(&x.Down[0].Exchanges[0], u.Exchange) {
		t.Error("a client that was appended does not prove")
	}
	x = between([]made{d}, []made{u.unasked()})
	if x.onlyClient(&x.Down[0].Exchanges[0], u.Exchange) {
		t.Error("a request that was not captured proves")
	}
}
