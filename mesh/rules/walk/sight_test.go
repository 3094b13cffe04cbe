package walk_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/rules/walk"
)

// shown prints what captures show: "lo a > b, b > a"; the replies are left out
// where there are none.
func shown(tr *walk.Trace) string {
	out := ""
	for _, s := range tr.Sights() {
		out += s.Interface + " " + s.Request.String()
		if s.Reply != (tcpip.Tuple{}) {
			out += ", " + s.Reply.String()
		}
	}
	return out
}

// Captures show half-flows where OUTPUT redirects, and only there. What is
// dropped has no answer, and what no interface carried does not show.
func TestSights(t *testing.T) {
	out, in, home := made(1000, "eth0", pod+":40000", "10.96.10.1:80"), came("eth0", client, pod+":80"), made(1000, "lo", pod+":40000", pod+":80")
	const to, back = "10.244.1.10:40000 > 10.96.10.1:80", "10.96.10.1:80 > 10.244.1.10:40000"
	const sent, answered = "192.0.2.10:40112 > 10.244.1.10:80", "10.244.1.10:80 > 192.0.2.10:40112"
	for _, tt := range []struct {
		name, rules string
		p           walk.Packet
		want        string
		torn        bool
	}{
		{"out", "*nat\n", out, "eth0 " + to + ", " + back, false},
		{"in", "*nat\n", in, "eth0 " + sent + ", " + answered, false},
		{"to itself", "*nat\n", home, "lo 10.244.1.10:40000 > 10.244.1.10:80, 10.244.1.10:80 > 10.244.1.10:40000", false},
		{"redirected", "*nat\n-A OUTPUT -p tcp -j REDIRECT --to-ports 1\n", out, "lo 10.244.1.10:40000 > 127.0.0.1:1, " + back, true},
		{"redirected to itself", "*nat\n-A OUTPUT -p tcp -j REDIRECT --to-ports 1\n", home, "lo 10.244.1.10:40000 > 127.0.0.1:1, 10.244.1.10:80 > 10.244.1.10:40000", true},
		{"redirected, in", "*nat\n-A PREROUTING -p tcp -j REDIRECT --to-ports 1\n", in, "eth0 " + sent + ", " + answered, false},
		{"sent elsewhere", "*nat\n-A OUTPUT -p tcp -j DNAT --to-destination 10.0.0.1:1\n", out, "eth0 10.244.1.10:40000 > 10.0.0.1:1, 10.0.0.1:1 > 10.244.1.10:40000", false},
		{"dropped, in", "*filter\n-A INPUT -j DROP\n", in, "eth0 " + sent, false},
		{"dropped, out", "*filter\n-A OUTPUT -j DROP\n", out, "", false},
		{"dropped where lo receives it", "*filter\n-A INPUT -j DROP\n", home, "lo 10.244.1.10:40000 > 10.244.1.10:80", false},
		{"redirected and dropped", "*nat\n-A OUTPUT -p tcp -j REDIRECT --to-ports 1\n*filter\n-A INPUT -j DROP\n", out, "lo 10.244.1.10:40000 > 127.0.0.1:1", false},
		{"not known", "*filter\n-A INPUT -j X\n", in, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := walk.Walk(parse(t, tt.rules), tt.p)
			if got := shown(tr); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if s := tr.Sights(); len(s) > 0 && s[0].Torn() != tt.torn {
				t.Errorf("two connections to look at: %v, want %v", s[0].Torn(), tt.torn)
			}
		})
	}
}

// Tuples that the rules leave no way to are told.
func TestStrays(t *testing.T) {
	tr := walk.Walk(parse(t, "*nat\n-A OUTPUT -p tcp -j REDIRECT --to-ports 1\n"), made(1000, "eth0", pod+":40000", "10.96.10.1:80"))
	seen := tr.Sights()[0]
	odd := seen.Request
	odd.Dst = netip.MustParseAddrPort("127.0.0.1:2")
	for _, tt := range []struct {
		name           string
		captured, want []tcpip.Tuple
	}{
		{"nothing", nil, nil},
		{"what the rules say", []tcpip.Tuple{seen.Request, seen.Reply}, nil},
		{"something else", []tcpip.Tuple{seen.Request, odd, seen.Reply}, []tcpip.Tuple{odd}},
		{"as it was sent", []tcpip.Tuple{tr.Packet.Tuple}, []tcpip.Tuple{tr.Packet.Tuple}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tr.Strays(tt.captured); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
