package hbone_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/hbone"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// A line of ztunnel names the server at the far end of a tunnel: where one tunnel goes
// there, the connection is in it, however much others look like it.
func TestJoinLogged(t *testing.T) {
	const pod, vip = "10.244.1.10", "10.96.10.1:80"
	const one, two, three = "10.0.9.1:15008", "10.0.9.2:15008", "10.0.9.3:15008"
	guessed := []string{"2>0 ?turn-algebra", "3>0 ?turn-algebra"}
	for _, tt := range []struct {
		name    string
		tunnels []string
		log     [][2]string // number of the connection, and where it was sent; with a reason if that failed
		want    []string
	}{
		{"no log", []string{one, two}, nil, guessed},
		{"each to its own", []string{one, two}, [][2]string{{"0", one}, {"1", two}}, []string{"2>0 access-log", "3>1 access-log"}},
		{"the other way round", []string{one, two}, [][2]string{{"0", two}, {"1", one}}, []string{"2>1 access-log", "3>0 access-log"}},
		{"both to one", []string{one, two}, [][2]string{{"0", two}, {"1", two}}, []string{"2>1 access-log", "3>1 access-log"}},
		{"one line", []string{one, two}, [][2]string{{"1", two}}, []string{"2>0 ?turn-algebra", "3>1 access-log"}},
		{"one line twice", []string{one, two}, [][2]string{{"1", two}, {"1", two}}, []string{"2>0 ?turn-algebra", "3>1 access-log"}},
		{"lines that contradict each other", []string{one, two}, [][2]string{{"1", two}, {"1", one}}, guessed},
		{"two tunnels to that server", []string{one, one}, [][2]string{{"0", one}, {"1", one}}, guessed},
		{"no tunnel to that server", []string{one, two}, [][2]string{{"0", three}, {"1", three}}, guessed},
		{"a tunnel to that server, which was not captured", []string{one, two}, [][2]string{{"0", three + `" dst.hbone_addr="10.244.9.9:80`}, {"1", two + `" dst.hbone_addr="10.244.9.9:80`}}, []string{"3>1 access-log"}},
		{"it failed", []string{one, two}, [][2]string{{"0", two + `" error="connection refused`}, {"1", one + `" error="connection refused`}}, nil},
		{"one failed", []string{one, two}, [][2]string{{"0", two + `" error="connection refused`}}, []string{"3>0 ?turn-algebra"}},
		{"the far end turned it away", []string{one, two}, [][2]string{{"0", two + `" error="http status: 503 Service Unavailable`}, {"1", one + `" error="http status: 401 Unauthorized`}}, []string{"2>1 access-log", "3>0 access-log"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			var steps [4][]func()
			for i, to := range tt.tunnels {
				c := testindex.On(tr, "eth0", fmt.Sprintf("%s:%d", pod, 41000+i), to).ISN(uint32(i)*1000+1, uint32(i)*1000+500)
				c.Handshake()
				over := c.TLS(pcap.TLSConfig{ALPN: []string{"h2"}})
				steps[1] = append(steps[1], func() { over.Send(109) })
				steps[2] = append(steps[2], func() { over.Reply(209) })
			}
			for i := range 2 {
				c := testindex.On(tr, "lo", fmt.Sprintf("%s:%d", pod, 42000+i), vip).ISN(uint32(i)*1000+7, uint32(i)*1000+507)
				c.Handshake()
				steps[0] = append(steps[0], func() { c.Send(strings.Repeat("a", 100)) })
				steps[3] = append(steps[3], func() { c.Reply(strings.Repeat("b", 200)) })
			}
			for _, step := range steps {
				for _, do := range step {
					do()
				}
			}
			at := tr.Last(0).Time
			var log strings.Builder
			for i, l := range tt.log {
				sent := 100 + i
				if strings.Contains(l[1], "error") {
					sent = 0
				}
				fmt.Fprintf(&log, "%s\tinfo\taccess\tconnection complete\tsrc.addr=%s:4200%s dst.addr=\"%s\" direction=\"outbound\" bytes_sent=%d bytes_recv=%d duration=\"1ms\"\n",
					time.Unix(0, int64(at)).UTC().Format("2006-01-02T15:04:05.000000Z"), pod, l[0], l[1], sent, 2*sent)
			}
			r := testindex.Of(tr, testindex.Text{Kind: record.AccessLog, Text: log.String()}).Read(t)
			legs := graph.Legs(r.Index, conn.Bind(r.Index, r.Records.NAT))
			for _, l := range legs {
				l.Tunnel = l.Orig.Dst.Port() == 15008
				l.Views = []graph.View{{Role: flow.RoleAppProxy}}
				if l.Tunnel {
					l.Views[0].Role = flow.RoleProxyServer
				}
			}
			var got []string
			for _, l := range hbone.Join(r.Index, legs, "", nil, r.Records, graph.NewLedger(r.Records.Lines, legs)) {
				s := fmt.Sprintf("%d>%d ", l.From.ID, l.To.ID)
				if l.Ambiguous {
					s += "?"
				} else if !l.Proven || l.Confidence != graph.SureProven {
					t.Errorf("%s is not proven, at %v", s, l.Confidence)
				}
				got = append(got, s+l.Evidence[0].Kind.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
