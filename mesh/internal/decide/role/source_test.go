package role

import (
	"net/netip"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
)

// A proxy borrows its client's address where a stranger dials the pod, or
// 127.0.0.1, on loopback, and is answered under the same tuple.
func TestLends(t *testing.T) {
	for _, tt := range []struct {
		name string
		d    dialled
		want bool
	}{
		{"a client's address to the pod's", dialled{"lo", client, app, "", ""}, true},
		{"a client's address to 127.0.0.1", dialled{"lo", client, "127.0.0.1:8080", "", ""}, true},
		{"on the wire", dialled{"eth0", client, app, "", ""}, false},
		{"redirected", dialled{"lo", client, app, proxy, ""}, false},
		{"only asked", dialled{"lo", client, app, "", "orig"}, false},
		{"only answered", dialled{"lo", client, app, "", "reply"}, false},
		{"from 127.0.0.1", dialled{"lo", "127.0.0.1:40000", app, "", ""}, false},
		{"from 127.0.0.6", dialled{"lo", "127.0.0.6:40000", app, "", ""}, false},
		{"from ::6", dialled{"lo", "[::6]:40000", "[::1]:8080", "", ""}, false},
		{"from the pod itself", dialled{"lo", out, app, "", ""}, false},
		{"to another stranger", dialled{"lo", client, peer, "", ""}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, legs := legsOf(t, testindex.Of(play([]dialled{tt.d})))
			f := &PodFacts{addrs: map[netip.Addr]bool{netip.MustParseAddr(pod): true}}
			if got := f.lends(r.Index, legs[0].Conn); got != tt.want {
				t.Errorf("lends %v, want %v", got, tt.want)
			}
		})
	}
}
