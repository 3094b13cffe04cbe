package hbone_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/hbone"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// What a pod calls itself by a service goes through a tunnel on loopback, and comes out of
// it from the pod's own address; so does what the application calls past ztunnel, which no
// tunnel carries.
func TestJoinWithin(t *testing.T) {
	const pod, vip, app = "10.244.1.10", "10.96.10.3:80", "10.244.1.10:8080"
	marked := func(port int, mark int) testindex.Text {
		return testindex.Text{Kind: record.Conntrack, Text: fmt.Sprintf("tcp 6 119 TIME_WAIT src=%s dst=%s sport=%d dport=8080 src=%s dst=%s sport=8080 dport=%d [ASSURED] mark=%d use=1\n", pod, pod, port, pod, pod, port, mark)}
	}
	long := []int{120, 830, 241, 677, 352, 911, 403, 568}
	for _, tt := range []struct {
		name  string
		words []int // what the self-call says, in turns
		texts []testindex.Text
		want  []string
	}{
		{"by what went through", long, nil, []string{"42000>15008", "15008>43000"}},
		{"too little", []int{500}, nil, []string{"42000>15008"}},
		{"too little, but ztunnel dialled it", []int{500}, []testindex.Text{marked(43000, 273)}, []string{"42000>15008", "15008>43000"}},
		{"what the application dialled", []int{500}, []testindex.Text{marked(44000, 0), marked(43000, 273)}, []string{"42000>15008", "15008>43000"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			down := testindex.On(tr, "lo", pod+":42000", vip).Redirect("127.0.0.1:15001").ISN(11, 511)
			down.Handshake()
			c := testindex.On(tr, "lo", pod+":41000", pod+":15008").ISN(1_000_001, 2_000_001)
			c.Handshake()
			over := c.TLS(pcap.TLSConfig{ALPN: []string{"h2"}, Mutual: true})
			over.Send(100)
			up := testindex.On(tr, "lo", pod+":43000", app).ISN(3_000_001, 4_000_001)
			up.Handshake()
			over.Reply(20)
			direct := testindex.On(tr, "lo", pod+":44000", app).ISN(5_000_001, 6_000_001)
			direct.Handshake()
			for i, n := range tt.words {
				text := strings.Repeat("a", n)
				if i%2 == 0 {
					down.Send(text)
					over.Send(n + 9)
					up.Send(text)
					direct.Send(strings.Repeat("c", 77))
				} else {
					up.Reply(text)
					over.Reply(n + 9)
					down.Reply(text)
					direct.Reply(strings.Repeat("d", 78))
				}
				tr.Wait(time.Millisecond)
			}
			up.Reply("bye")
			over.Reply(12)
			down.Reply("bye")
			for _, c := range []*pcap.Connection{up, down, direct} {
				c.Close()
			}
			over.Reply(9)
			r := testindex.Of(tr, tt.texts...).Read(t)
			legs := graph.Legs(r.Index, conn.Bind(r.Index, r.Records.NAT))
			for _, l := range legs {
				l.Views = []graph.View{{Role: flow.RoleDirect}}
				if by, known := l.Conn.ByZtunnel(); by && known {
					l.Views[0].Role, l.Kept = flow.RoleProxyApp, true
				}
				if l.Orig.Src.Port() == 42000 {
					l.Views[0].Role = flow.RoleAppProxy
				}
			}
			hbone.MarkTunnels(r.Index, legs, profile.Named("istio-ambient"))
			var got []string
			for _, l := range hbone.Join(r.Index, legs, "", nil, r.Records, graph.NewLedger(nil, legs)) {
				s := fmt.Sprintf("%d>%d", l.From.Orig.Src.Port(), l.To.Orig.Dst.Port())
				if l.From.Tunnel {
					s = fmt.Sprintf("%d>%d", l.From.Orig.Dst.Port(), l.To.Orig.Src.Port())
				}
				if l.Evidence[0].Kind == flow.OnlyCandidate {
					s += " only"
				}
				if l.Ambiguous {
					s += " ?"
				}
				got = append(got, s)
				if tunnel := legs[1]; !tunnel.Tunnel || tunnel.Role != flow.RoleProxyProxy {
					t.Errorf("the tunnel is %s", tunnel.Role)
				}
			}
			slices.Sort(got)
			slices.Sort(tt.want)
			if !slices.Equal(got, tt.want) {
				t.Errorf("links %q, want %q", got, tt.want)
			}
		})
	}
}
