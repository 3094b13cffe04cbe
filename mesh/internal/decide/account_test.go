package decide

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// tracked is a line of conntrack's table, of what the application dialled.
func tracked(answered string, port int) string {
	return fmt.Sprintf("tcp 6 431999 ESTABLISHED src=%s dst=10.96.10.1 sport=42000 dport=80 src=%s dst=%s sport=%d dport=42000 [ASSURED] mark=7 use=1\n", podAddr, answered, podAddr, port)
}

// every is a world with a record of each kind.
func every(conntrack string) *testindex.World {
	return testindex.Of(bothWays(),
		testindex.Text{Kind: record.Conntrack, Text: conntrack},
		testindex.Text{Kind: record.AccessLog, Text: logLine("/out", "out", out, vip, onward, server) + logLine("/", "out", "192.0.2.77:1", vip, "192.0.2.78:1", server)},
		testindex.Text{Kind: record.AccessLog, Text: logLine("/in", "in", client, app, inside, app)},
		testindex.Text{Kind: record.Rules, Text: ruleText("", "")},
		testindex.Text{Kind: record.Sockets, Text: ss(out, vip, "curl", 7) + ss(proxy, out, "envoy", 1) + ss("10.9.9.9:1", "10.9.9.8:2", "other", 9)},
	)
}

// What became of each file: how many of its lines are of what was captured.
func TestAccount(t *testing.T) {
	in := inputOf(t, every(tracked("127.0.0.1", 15001)))
	f := Run(in)
	var got []string
	for _, r := range f.Records {
		got = append(got, fmt.Sprintf("%s %d", r.Kind, r.Matched))
	}
	if want := []string{"rules 0", "conntrack 1", "access-log 1", "access-log 1", "sockets 2"}; !slices.Equal(got, want) {
		t.Errorf("matched %q, want %q", got, want)
	}
	for i := range in.Records.Files {
		if in.Records.Files[i].Kind == record.AccessLog && in.Records.Files[i].Matched != 0 {
			t.Error("the records themselves were changed")
		}
	}
	if again := Run(in).Records; fmt.Sprint(again) != fmt.Sprint(f.Records) {
		t.Errorf("asked again, records are %v, not %v", again, f.Records)
	}
	if len(f.Conflicts) != 0 {
		t.Errorf("conflicts %+v, want none", f.Conflicts)
	}
	call := legFrom(t, f.Legs, out)
	if call.Conntrack == nil || call.Conntrack.Mark != 7 || legFrom(t, f.Legs, client).Conntrack != nil {
		t.Errorf("conntrack knows %+v of the call", call.Conntrack)
	}
	if call.OrigProcess == nil || call.OrigProcess.Name != "curl" {
		t.Errorf("process %+v, want curl", call.OrigProcess)
	}
	for i, p := range f.Paths {
		if l := p.Exchanges[0].Logged; l == nil || l.Source.Kind != record.AccessLog {
			t.Errorf("path %d: logged %+v, want a line", i, l)
		}
	}
}

// A log that was given twice is of these captures both times: so is that of a node, given
// for each of its pods.
func TestAccountOfLogGivenTwice(t *testing.T) {
	log := testindex.Text{Kind: record.AccessLog, Text: logLine("/out", "out", out, vip, onward, server)}
	f := Run(inputOf(t, testindex.Of(bothWays(), log, log)))
	for i, r := range f.Records {
		if r.Matched != 1 {
			t.Errorf("file %d: %d lines matched, want 1", i, r.Matched)
		}
	}
	if len(f.Records) != 2 {
		t.Errorf("%d files, want 2", len(f.Records))
	}
}

// What the proxy logged of a connection is told of its leg.
func TestAccountOfConnections(t *testing.T) {
	tr := bothWays()
	d := on(tr, "lo", podAddr+":42002", vip).Redirect(proxy)
	u := on(tr, "eth0", podAddr+":43002", server)
	d.Handshake()
	u.Handshake()
	pass(d, u, "hello", "you")
	line := `{"start_time":"2026-01-02T03:04:05.000Z","duration":1,"method":null,"path":null,"protocol":null,"response_code":0,"response_flags":"DC","bytes_received":5,"bytes_sent":3,` +
		fmt.Sprintf(`"downstream_remote_address":%q,"downstream_local_address":%q,"upstream_local_address":%q,"upstream_host":%q,"upstream_cluster":"PassthroughCluster"}`+"\n", podAddr+":42002", vip, podAddr+":43002", server)
	f := Run(inputOf(t, testindex.Of(tr, testindex.Text{Kind: record.AccessLog, Text: line})))
	if l := legFrom(t, f.Legs, podAddr+":42002").Logged; l == nil || !slices.Equal(l.Flags, []string{"DC"}) {
		t.Errorf("logged %+v, want the flag", l)
	}
	if l := legFrom(t, f.Legs, out).Logged; l != nil {
		t.Errorf("logged %+v of a leg with exchanges", l)
	}
}

// Conflicts stand by kind of record: entries, logs, rules.
func TestConflictsInOrder(t *testing.T) {
	tr := bothWays()
	elsewhere := on(tr, "lo", podAddr+":42004", vip).Redirect("127.0.0.1:25001")
	elsewhere.Handshake()
	elsewhere.Send("hello")
	for i := range 2 {
		d, u := on(tr, "lo", fmt.Sprintf("%s:%d", podAddr, 48000+2*i), vip).Redirect(proxy), on(tr, "eth0", fmt.Sprintf("%s:%d", podAddr, 49000+2*i), server)
		d.Handshake()
		u.Handshake()
		pass(d, u, get("/", fmt.Sprintf("x-request-id: id-%d", i)), ok("out"))
	}
	f := Run(inputOf(t, testindex.Of(tr,
		testindex.Text{Kind: record.Rules, Text: ruleText("", "")},
		testindex.Text{Kind: record.AccessLog, Text: logLine("/", "out", podAddr+":48000", vip, podAddr+":49002", server)},
		testindex.Text{Kind: record.Conntrack, Text: tracked("10.9.9.9", 80)})))
	var got []string
	for _, k := range f.Conflicts {
		got = append(got, k.Source.Kind.String())
	}
	if want := []string{"conntrack", "access-log", "rules"}; !slices.Equal(got, want) {
		t.Errorf("conflicts %q, want %q: %+v", got, want, f.Conflicts)
	}
}

// A leg has the entry of the first of its sightings that has one.
func TestConntrackOfSightings(t *testing.T) {
	tr := func() *pcap.Trace {
		tr := new(pcap.Trace)
		c := testindex.On(tr, "eth0", client, app)
		c.Handshake()
		c.Send("hello")
		c.Close()
		return tr
	}
	w := &testindex.World{Pods: []testindex.Pod{{Name: "a", Trace: tr()}, {Name: "b", Trace: tr()}},
		Texts: []testindex.Text{{Kind: record.Conntrack, Text: "tcp 6 9 TIME_WAIT src=192.0.2.1 dst=10.244.1.10 sport=40000 dport=8080 src=10.244.1.10 dst=192.0.2.1 sport=8080 dport=40000 [ASSURED] mark=3 use=1\n"}}}
	in := inputOf(t, w)
	in.Conns[0].Entry = nil
	f := Run(in)
	if l := f.Legs[0]; len(f.Legs) != 1 || l.Conntrack == nil || l.Conntrack.Mark != 3 {
		t.Errorf("%d legs, conntrack knows %+v", len(f.Legs), f.Legs[0].Conntrack)
	}
}

// What the proxy answered alone it logged all the same, also where nothing behind it was
// captured: the line tells of the exchange, and that the proxy had the connection.
func TestAccountOfLonelyAnswers(t *testing.T) {
	tr := new(pcap.Trace)
	c := tr.Conn(client, app).At(0, "eth0")
	c.Handshake()
	c.Send("GET / HTTP/1.0\r\n\r\n")
	c.Reply("HTTP/1.1 426 Upgrade Required\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
	c.Close()
	line := fmt.Sprintf("[%s] \"- - HTTP/1.1\" 426 DPE low_version - \"-\" 0 16 0 - \"-\" \"-\" \"-\" \"-\" \"-\" - - %s %s - -\n", "2026-01-02T03:04:05.000Z", app, client)
	f := Run(inputOf(t, testindex.Of(tr, testindex.Text{Kind: record.AccessLog, Text: line})))
	l := legFrom(t, f.Legs, client)
	if l.Role != flow.RoleClientProxy {
		t.Errorf("role %s", l.Role)
	}
	if e := f.Paths[0].Exchanges[0]; e.Logged == nil || !slices.Equal(e.Logged.Flags, []string{"DPE"}) || f.Records[0].Matched != 1 {
		t.Errorf("logged %+v, %d lines", e.Logged, f.Records[0].Matched)
	}
}
