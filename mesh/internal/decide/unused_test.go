package decide

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
)

// What a proxy dialled, and nothing went over, is never used; unless it was refused, or
// may belong to a client that said nothing either.
func TestUnused(t *testing.T) {
	const spare = "127.0.0.6:41999"
	for _, tc := range []struct {
		name string
		do   func(tr *pcap.Trace)
		want bool
	}{
		{"dialled", func(tr *pcap.Trace) { on(tr, "lo", spare, app).Handshake() }, true},
		{"and closed", func(tr *pcap.Trace) { c := on(tr, "lo", spare, app); c.Handshake(); c.Close() }, true},
		{"refused", func(tr *pcap.Trace) { c := on(tr, "lo", spare, app); c.SYN(); c.Refuse() }, false},
		{"not answered", func(tr *pcap.Trace) { on(tr, "lo", spare, app).SYN() }, false},
		{"used", func(tr *pcap.Trace) {
			c := on(tr, "lo", spare, app)
			c.Handshake()
			c.Send(get("/x"))
			c.Reply(ok("x"))
		}, false},
		{"of a client that says nothing", func(tr *pcap.Trace) {
			c := on(tr, "eth0", "192.0.2.77:40077", app)
			c.Handshake()
			u := on(tr, "lo", spare, app)
			u.Handshake()
			c.Close()
			u.Close()
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tr := bothWays()
			tc.do(tr)
			f := Run(inputOf(t, testindex.Of(tr)))
			for _, l := range f.Legs {
				if want := tc.want && l.Orig.Src.String() == spare; l.Unused != want {
					t.Errorf("leg from %v: unused %v", l.Orig.Src, l.Unused)
				}
			}
		})
	}
}
