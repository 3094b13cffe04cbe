package crossing

import (
	"fmt"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// An application's TLS is inside of that of proxies if legs of the other side say that
// they carry bytes, and it was not opened.
func TestFindInner(t *testing.T) {
	sealed := func(i int, alpn ...string) *graph.Leg {
		l := clientLeg(i)
		l.Protocol, l.TLS.ALPN = flow.ProtocolTLS, alpn
		return l
	}
	carrier := func(i int) *graph.Leg { return sealed(i, "istio-peer-exchange", "istio") }
	read := clientLeg(9)
	open := sealed(8)
	open.Decrypted, open.Exchanges = true, make([]graph.Exchange, 1)
	for _, tt := range []struct {
		name     string
		down, up []*graph.Leg
		want     string // by leg, the client's first
	}{
		{"behind the proxy", []*graph.Leg{carrier(0), sealed(1)}, []*graph.Leg{sealed(2), read}, "[false false true false]"},
		{"before it", []*graph.Leg{sealed(1), read}, []*graph.Leg{carrier(0), sealed(2, "istio")}, "[true false false false]"},
		{"nobody carries bytes", []*graph.Leg{sealed(1)}, []*graph.Leg{sealed(2, "istio")}, "[false false]"},
		{"on both sides", []*graph.Leg{carrier(1)}, []*graph.Leg{carrier(2)}, "[false false]"},
		{"one was opened", []*graph.Leg{carrier(0)}, []*graph.Leg{sealed(2), open}, "[false false false]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := New(nil, nil, nil)
			c.Down, c.Up = tt.down, tt.up
			c.FindInner()
			var got []bool
			for _, l := range append(append([]*graph.Leg(nil), c.Down...), c.Up...) {
				got = append(got, c.Inner[l])
			}
			if fmt.Sprint(got) != tt.want {
				t.Errorf("inner %v, want %v", got, tt.want)
			}
		})
	}
}
