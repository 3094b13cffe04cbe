package graph_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// verdicts stitches a trace of TLS connections and returns what is known of
// each leg.
func verdicts(t *testing.T, tr *pcap.Trace) (out []flow.TLS) {
	t.Helper()
	for _, l := range sim.Stitch(t, tr).Legs {
		if l.Protocol != flow.ProtocolTLS {
			t.Fatalf("leg %s is %s", l.Orig, l.Protocol)
		}
		out = append(out, l.TLS)
	}
	return out
}

// encrypted adds a TLS connection to the pod with a request and a response.
func encrypted(tr *pcap.Trace, port int, o pcap.TLSConfig) *pcap.TLSConnection {
	c := sim.On(tr, "eth0", fmt.Sprintf("10.244.2.20:%d", port), sim.App)
	c.Handshake()
	s := c.TLS(o)
	s.Send(377)
	s.Reply(853)
	s.Close()
	return s
}

func TestMutualTLS(t *testing.T) {
	const (
		full = iota
		asked
		mutual
	)
	names := map[uint16]string{0x0303: "1.2", 0x0304: "1.3"}
	suites := map[uint16][]uint16{0x0303: {0xc02f, 0xcca8}, 0x0304: {0x1301, 0x1302, 0x1303}}
	for _, packing := range []pcap.Packing{pcap.PackOpenSSL, pcap.PackBoringSSL, pcap.PackGo} {
		for _, version := range []uint16{0x0303, 0x0304} {
			for _, suite := range suites[version] {
				for _, kind := range []int{full, asked, mutual} {
					for _, signature := range []int{0, 64, 256} {
						o := pcap.TLSConfig{
							Packing: packing, Version: version, Suite: suite, Signature: signature, Asked: kind == asked, Mutual: kind == mutual,
							Retry: version == 0x0304 && signature == 64,
						}
						var tr pcap.Trace
						encrypted(&tr, 40000, o)
						got := verdicts(t, &tr)[0]
						if got.Mutual != (kind == mutual) || got.Reason == "" || got.Version != names[version] {
							t.Errorf("%+v: version %s, mutual %v since %q", o, got.Version, got.Mutual, got.Reason)
						}
						if shown := version == 0x0303; (len(got.Identities) > 0) != shown || shown && (len(got.Identities) == 2) != (kind == mutual) {
							t.Errorf("%+v: identities %q", o, got.Identities)
						}
					}
				}
			}
		}
	}
}

func TestMutualTLSReasons(t *testing.T) {
	ids := []string{"spiffe://cluster.local/ns/default/sa/client", "spiffe://cluster.local/ns/default/sa/server"}
	istio := []string{"istio-http/1.1", "istio", "http/1.1"}
	for _, tc := range []struct {
		name   string
		config pcap.TLSConfig
		want   flow.TLS
	}{
		{"1.3", pcap.TLSConfig{}, flow.TLS{Version: "1.3", Reason: "client flight is Finished alone"}},
		{"1.3 asked", pcap.TLSConfig{Asked: true}, flow.TLS{Version: "1.3", Reason: "client certificate asked for, none shown"}},
		{"1.3 mutual", pcap.TLSConfig{Mutual: true, Signature: 64}, flow.TLS{Version: "1.3", Mutual: true, Reason: "client flight of 359 bytes"}},
		{"1.3 packed", pcap.TLSConfig{Packing: pcap.PackBoringSSL, Mutual: true, Signature: 64}, flow.TLS{Version: "1.3", Mutual: true, Reason: "client flight of 359 bytes"}},
		{"1.3 resumed", pcap.TLSConfig{Resumed: true}, flow.TLS{Version: "1.3", Resumed: true}},
		{"1.3 resumed, Istio", pcap.TLSConfig{Resumed: true, ALPN: istio}, flow.TLS{Version: "1.3", Resumed: true, Mutual: true, Reason: "ALPN istio-http/1.1", ALPN: istio}},
		{"1.3 early", pcap.TLSConfig{Resumed: true, EarlyData: 900}, flow.TLS{Version: "1.3", Resumed: true, EarlyData: true}},
		{"1.2", pcap.TLSConfig{Version: 0x0303, SNI: "a.example"}, flow.TLS{Version: "1.2", SNI: "a.example", Reason: "no client certificate asked for", Identities: ids[1:]}},
		{"1.2 asked", pcap.TLSConfig{Version: 0x0303, Asked: true}, flow.TLS{Version: "1.2", Reason: "client certificate asked for, none shown", Identities: ids[1:]}},
		{"1.2 mutual", pcap.TLSConfig{Version: 0x0303, Mutual: true}, flow.TLS{Version: "1.2", Mutual: true, Reason: "client certificate", Identities: ids}},
		{"1.2 resumed", pcap.TLSConfig{Version: 0x0303, Resumed: true}, flow.TLS{Version: "1.2", Resumed: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var tr pcap.Trace
			encrypted(&tr, 40000, tc.config)
			if got := verdicts(t, &tr)[0]; fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", tc.want) {
				t.Errorf("TLS\n%+v, want\n%+v", got, tc.want)
			}
		})
	}
}

// A resumed session shows nothing; the connection that began it does.
func TestResumedAsItBegan(t *testing.T) {
	for _, tc := range []struct {
		name   string
		first  []pcap.TLSConfig
		mutual bool
		reason string
	}{
		{"mutual", []pcap.TLSConfig{{Mutual: true, Signature: 64}}, true, "session resumed; leg 0: client flight of 359 bytes"},
		{"not", []pcap.TLSConfig{{}, {}}, false, "session resumed; leg 0: client flight is Finished alone"},
		{"both", []pcap.TLSConfig{{}, {Mutual: true}}, false, ""},
		{"another name", []pcap.TLSConfig{{Mutual: true, SNI: "a.example"}}, false, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var tr pcap.Trace
			for i, o := range append(slices.Clone(tc.first), pcap.TLSConfig{Resumed: true}) {
				encrypted(&tr, 40000+i, o)
			}
			all := verdicts(t, &tr)
			if got := all[len(all)-1]; got.Mutual != tc.mutual || got.Reason != tc.reason {
				t.Errorf("mutual %v since %q, want %v since %q", got.Mutual, got.Reason, tc.mutual, tc.reason)
			}
		})
	}
}

// Whatever packet the capture misses, no verdict becomes wrong.
func TestMutualTLSWithLoss(t *testing.T) {
	for _, packing := range []pcap.Packing{pcap.PackOpenSSL, pcap.PackBoringSSL, pcap.PackGo} {
		for _, version := range []uint16{0x0303, 0x0304} {
			for _, mutual := range []bool{false, true} {
				o := pcap.TLSConfig{Packing: packing, Version: version, Mutual: mutual, Segment: 300}
				var whole pcap.Trace
				encrypted(&whole, 40000, o)
				for lost := range whole.Len() {
					var tr pcap.Trace
					encrypted(&tr, 40000, o)
					i := -1
					tr.Filter(func(*pcap.Packet) bool { i++; return i != lost })
					for _, got := range verdicts(t, &tr) {
						if got.Reason != "" && got.Mutual != mutual {
							t.Errorf("%+v without packet %d: mutual %v since %q", o, lost+1, got.Mutual, got.Reason)
						}
					}
				}
			}
		}
	}
}
