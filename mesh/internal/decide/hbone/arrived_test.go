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
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// An arrival is a connection that the proxy dialled for a stream, ten milliseconds after
// the one before: it is refused if it says nothing.
type arrival struct {
	from string
	size int
}

// A written is a line of ztunnel's log about a stream, by the tunnel and when it ended, in
// milliseconds after the capture began.
type written struct {
	tunnel     int
	to         string
	recv, sent int
	at         time.Duration
	fault      string
}

// arrive plays two tunnels from one client into a pod, and what comes out of them.
func arrive(t *testing.T, cs []arrival, lines []written) (links []*graph.Link, legs []*graph.Leg) {
	t.Helper()
	const pod, peer = "10.244.1.10", "10.244.9.9"
	tr := new(pcap.Trace)
	var over []*pcap.TLSConnection
	for i := range 2 {
		c := testindex.On(tr, "eth0", fmt.Sprintf("%s:%d", peer, 41000+i), pod+":15008").ISN(uint32(i)*1000+1, uint32(i)*1000+500)
		c.Handshake()
		over = append(over, c.TLS(pcap.TLSConfig{ALPN: []string{"h2"}}))
	}
	start := tr.Last(0).Time
	for i, a := range cs {
		for _, o := range over { // both look alike
			o.Send(90)
		}
		c := testindex.On(tr, "lo", fmt.Sprintf("%s:%d", a.from, 20000+i), pod+":8080").ISN(uint32(i)*70000+7, uint32(i)*70000+507)
		if a.size == 0 {
			c.SYN()
			c.Refuse()
		} else {
			c.Handshake()
			c.Send(strings.Repeat("a", a.size))
			c.Reply(strings.Repeat("b", a.size))
			c.Close()
		}
		for _, o := range over {
			o.Send(a.size + 9)
			o.Reply(a.size + 9)
		}
		tr.Wait(10 * time.Millisecond)
	}
	var log strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&log, "%s\tinfo\taccess\tconnection complete\tsrc.addr=%s:%d dst.addr=%s:15008 dst.hbone_addr=%s direction=\"inbound\" bytes_sent=%d bytes_recv=%d duration=\"0ms\"",
			time.Unix(0, int64(start)).Add(l.at*time.Millisecond).UTC().Format("2006-01-02T15:04:05.000000Z"), peer, 41000+l.tunnel, pod, l.to, l.sent, l.recv)
		if l.fault != "" {
			fmt.Fprintf(&log, " error=%q", l.fault)
		}
		log.WriteString("\n")
	}
	r := testindex.Of(tr, testindex.Text{Kind: record.AccessLog, Text: log.String()}).Read(t)
	legs = graph.Legs(r.Index, conn.Bind(r.Index, r.Records.NAT))
	for _, l := range legs {
		l.Tunnel = l.Orig.Dst.Port() == 15008
		l.Views = []graph.View{{Role: flow.RoleProxyApp}}
		l.Kept = l.Orig.Src.Addr().String() != pod
		switch {
		case l.Tunnel:
			l.Views[0].Role = flow.RoleClientProxy
		case !l.Kept:
			l.Views[0].Role = flow.RoleDirect
		}
	}
	return hbone.Join(r.Index, legs, "", nil, r.Records, graph.NewLedger(r.Records.Lines, legs)), legs
}

// ztunnel's line of a stream names the tunnel by its near end, and the connection by where
// it leads to, its bytes and when it ended.
func TestJoinArrived(t *testing.T) {
	const peer, app, refused = "10.244.9.9", "10.244.1.10:8080", "connection failed: Connection refused (os error 111)"
	equal := []arrival{{peer, 100}, {peer, 100}}
	for _, tt := range []struct {
		name  string
		cs    []arrival
		lines []written
		want  []string
	}{
		{"no log", equal, nil, []string{"0>20000 ?", "0>20001 ?"}},
		{"by their bytes", []arrival{{peer, 100}, {peer, 300}}, []written{{1, app, 100, 100, 5, ""}, {0, app, 300, 300, 15, ""}}, []string{"1>20000", "0>20001"}},
		{"all by one tunnel", equal, []written{{1, app, 100, 100, 5, ""}, {1, app, 100, 100, 15, ""}}, []string{"1>20000", "1>20001"}},
		{"alike, by two tunnels", equal, []written{{1, app, 100, 100, 5, ""}, {0, app, 100, 100, 15, ""}}, []string{"0>20000 ?", "0>20001 ?"}},
		{"a line is missing", []arrival{{peer, 100}, {peer, 300}}, []written{{1, app, 100, 100, 5, ""}}, []string{"1>20000", "0>20001 ?"}},
		{"other bytes", []arrival{{peer, 100}}, []written{{1, app, 101, 100, 5, ""}}, []string{"0>20000 ?"}},
		{"another port", []arrival{{peer, 100}}, []written{{1, "10.244.1.10:8081", 100, 100, 5, ""}}, []string{"0>20000 ?"}},
		{"long before", []arrival{{peer, 100}}, []written{{1, app, 100, 100, -1500, ""}}, []string{"0>20000 ?"}},
		{"long after", []arrival{{peer, 100}}, []written{{1, app, 100, 100, 1500, ""}}, []string{"0>20000 ?"}},
		{"refused", []arrival{{peer, 0}, {peer, 0}}, []written{{1, app, 0, 0, 0, refused}, {1, app, 0, 0, 10, refused}}, []string{"1>20000", "1>20001"}},
		{"denied, and refused", []arrival{{peer, 0}}, []written{{0, app, 0, 0, 0, "connection closed due to policy rejection: explicitly denied by: demo/no"}, {1, app, 0, 0, 0, refused}}, []string{"1>20000"}},
		{"cut off", []arrival{{peer, 100}}, []written{{1, app, 100, 60, 5, "connection reset"}}, []string{"1>20000"}},
		{"what the pod's own address dialled has no line", []arrival{{"10.244.1.10", 100}}, []written{{1, app, 100, 100, 5, ""}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			links, _ := arrive(t, tt.cs, tt.lines)
			var got []string
			for _, l := range links {
				s := fmt.Sprintf("%d>%d", l.From.Orig.Src.Port()-41000, l.To.Orig.Src.Port())
				if l.Ambiguous {
					s += " ?"
				} else if l.Evidence[0].Kind != flow.AccessLog || !l.Proven {
					t.Errorf("%s by %s, proven %v", s, l.Evidence[0].Kind, l.Proven)
				}
				got = append(got, s)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("links %q, want %q", got, tt.want)
			}
		})
	}
}

// What ztunnel says of a connection is put on it: of what it refused, on the connection
// that it dialled; of what a policy denied, on the tunnel, which alone shows it.
func TestLinesOfArrived(t *testing.T) {
	const app = "10.244.1.10:8080"
	_, legs := arrive(t, []arrival{{"10.244.9.9", 0}}, []written{
		{1, app, 0, 0, 0, "connection failed: Connection refused (os error 111)"},
		{0, app, 0, 0, 0, "connection closed due to policy rejection: explicitly denied by: demo/no"}})
	var got []string
	for _, l := range legs {
		reason := "-"
		if l.Log != nil {
			reason = l.Log.Logged([]record.Info{{}}).Reason()
		}
		got = append(got, reason)
	}
	if want := []string{"denied by policy demo/no", "-", "Connection refused (os error 111)"}; !slices.Equal(got, want) {
		t.Errorf("reasons %q, want %q", got, want)
	}
}
