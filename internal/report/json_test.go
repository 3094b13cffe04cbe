package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// whole is a result with at least one of everything that JSON has a member for.
func whole() *mesh.Result {
	r := inbound()
	entry := record.Source{Kind: record.Conntrack, File: "ct.txt", Line: 3}
	in := &r.Inputs[0]
	in.Clock = &mesh.Clock{Against: "b", Known: true, Offset: 421100 * time.Microsecond, Error: 4 * time.Microsecond, Drift: 50e-6, Connections: 2, Steps: []capture.Time{capture.Time(at(9))}}
	in.First, in.Last, in.Truncated, in.Err = capture.Time(at(0)), capture.Time(at(250)), true, errors.New("eth0.pcap: cut <off>")
	in.Points = []mesh.InputPoint{{Name: "eth0", Link: linktype.Ethernet, Inferred: true}}
	l := r.Legs[0]
	l.Conntrack = &record.Tracked{Source: entry, Orig: l.Orig, Reply: l.Reply, State: "ESTABLISHED", Zone: 1}
	l.OrigProcess, l.ReplyProcess = &record.Process{Name: "curl", UID: -1}, &record.Process{PID: 20, UID: 0}
	l.Notes = []string{"3 resets"}
	x := &r.Paths[0].Exchanges[0]
	x.GRPC = &flow.GRPC{Status: -1, Sent: 2, Received: 1}
	x.Hops[1].Decrypted, x.Hops[1].PlainResponse = true, [2]int64{0, 800}
	r.Joins[0].Evidence[0].Source = entry
	r.Records = []record.Info{{File: record.File{Name: "ct.txt"}, Kind: record.Conntrack, Lines: 9, Entries: 8, Matched: 1, Malformed: 1, Faults: []string{"line 2: no tuple"}}}
	r.Conflicts = []record.Conflict{
		{Source: entry, Leg: 0, Says: "8080", Packets: "9090", Shown: []capture.Ref{{Input: 1, Packet: 9}}},
		{Source: entry, Leg: -1, Says: "a", Packets: "b"},
	}
	r.Lookups = lookups().Lookups
	r.Lookups[0].Record = entry
	return r
}

// The line of a record has two members "kind", of which parsers take the latter: the
// record's. Version 1 has it so.
func TestJSONLines(t *testing.T) {
	check(t, `{"version":1,"kind":"input","file":"eth0.pcap","pod":"","packets":21,"interfaces":[{"name":"eth0","link_type":"ETHERNET","inferred":true}],"first":"2026-11-30T12:00:00.000000000Z","last":"2026-11-30T12:00:00.250000000Z","truncated":true,"clock":{"against":"b","known":true,"offset_ms":421.1,"error_ms":0.004,"drift_ppm":50,"connections":2,"steps":["2026-11-30T12:00:00.009000000Z"]},"error":"eth0.pcap: cut <off>"}
{"version":1,"kind":"input","file":"lo.pcap","pod":"","packets":19,"interfaces":[],"truncated":false}
{"version":1,"kind":"leg","id":0,"role":"client-proxy","pod":"","inputs":[0],"interface":"eth0","orig":{"src":"192.0.2.10:40112","dst":"10.244.1.10:8080"},"reply":{"src":"10.244.1.10:15006","dst":"192.0.2.10:40112"},"captured":[{"src":"192.0.2.10:40112","dst":"10.244.1.10:8080"},{"src":"10.244.1.10:8080","dst":"192.0.2.10:40112"}],"start":"2026-11-30T12:00:00.000000000Z","end":"2026-11-30T12:00:00.250000000Z","midstream":false,"orientation":"syn","closed_by":"orig","orig_packets":10,"orig_bytes":1626,"orig_missing":0,"reply_packets":9,"reply_bytes":1591,"reply_missing":5,"tls":{"version":"1.3","sni":"shop.example","mutual":true,"why":"client certificate"},"protocol":"tls","notes":["3 resets"],"conntrack":{"kind":"conntrack","file":"ct.txt","line":3,"orig":{"src":"192.0.2.10:40112","dst":"10.244.1.10:8080"},"reply":{"src":"10.244.1.10:15006","dst":"192.0.2.10:40112"},"state":"ESTABLISHED","zone":1},"orig_process":{"name":"curl","record":{"kind":"","file":"","line":0}},"reply_process":{"pid":20,"uid":0,"record":{"kind":"","file":"","line":0}}}
{"version":1,"kind":"leg","id":1,"role":"proxy-app","pod":"","inputs":[1],"interface":"lo","orig":{"src":"127.0.0.6:52110","dst":"10.244.1.10:8080"},"reply":{"src":"10.244.1.10:8080","dst":"127.0.0.6:52110"},"captured":[{"src":"127.0.0.6:52110","dst":"10.244.1.10:8080"}],"start":"2026-11-30T12:00:00.001000000Z","end":"2026-11-30T12:00:00.249000000Z","midstream":false,"orientation":"inferred","closed_by":"open","orig_packets":0,"orig_bytes":377,"orig_missing":0,"reply_packets":0,"reply_bytes":853000,"reply_missing":0,"protocol":"http/1.1"}
{"version":1,"kind":"leg","id":2,"role":"direct","pod":"","inputs":[0],"interface":"eth0","orig":{"src":"10.244.1.10:50000","dst":"10.96.0.53:5432"},"reply":{"src":"10.96.0.53:5432","dst":"10.244.1.10:50000"},"captured":null,"start":"2026-11-30T12:00:00.010000000Z","end":"2026-11-30T12:00:00.010000000Z","midstream":true,"orientation":"syn","closed_by":"open","orig_packets":0,"orig_bytes":12,"orig_missing":0,"reply_packets":0,"reply_bytes":1500000,"reply_missing":0,"protocol":"tcp"}
{"version":1,"kind":"join","from":0,"to":1,"confidence":0.75,"proven":false,"ambiguous":false,"evidence":[{"kind":"request-id","detail":"x-request-id 6f1c","packets":[{"input":0,"number":4},{"input":1,"number":9}],"record":{"kind":"conntrack","file":"ct.txt","line":3}}],"rivals":[]}
{"version":1,"kind":"path","id":0,"direction":"inbound","client":"192.0.2.10:40112","server":"10.244.1.10:8080","legs":[0,1],"complete":true,"ambiguous":false,"exchanges":[{"id":0,"method":"GET","target":"/","status":503,"proven":false,"ambiguous":false,"hops":[{"leg":0,"request":[0,1626],"response":[0,1591],"request_start":"2026-11-30T12:00:00.002000000Z"},{"leg":1,"from_leg":0,"request":[0,377],"response":[0,853],"plain_request":[0,0],"plain_response":[0,800],"confidence":0.75,"proven":false,"ambiguous":false,"evidence":[{"kind":"request-id","detail":"x-request-id 6f1c","packets":[{"input":0,"number":4},{"input":1,"number":9}],"record":{"kind":"conntrack","file":"ct.txt","line":3}}],"rivals":[{"leg":2,"request":[0,12]}],"attempt":1,"copy":true}],"grpc_status":-1,"grpc_messages":[2,1],"logged":{"kind":"access-log","file":"access.log","line":7,"response_flags":["UF","URX"],"upstream_host":"10.244.1.10:8080"}}]}
{"version":1,"kind":"path","id":1,"direction":"direct","client":"10.244.1.10:50000","server":"10.96.0.53:5432","legs":[2],"complete":false,"ambiguous":false,"exchanges":[]}
{"version":1,"kind":"record","file":"ct.txt","kind":"conntrack","pod":"","lines":9,"entries":8,"matched":1,"malformed":1,"faults":["line 2: no tuple"]}
{"version":1,"kind":"conflict","record":{"kind":"conntrack","file":"ct.txt","line":3},"leg":0,"says":"8080","packets_say":"9090","packets":[{"input":1,"number":9}]}
{"version":1,"kind":"conflict","record":{"kind":"conntrack","file":"ct.txt","line":3},"says":"a","packets_say":"b","packets":[]}
{"version":1,"kind":"dns","id":0,"role":"app","pod":"web","interface":"lo","client":"10.244.1.10:40000","server":"10.96.0.10:53","answered_by":"127.0.0.1:15053","redirected":true,"record":{"kind":"conntrack","file":"ct.txt","line":3},"captured":[{"src":"10.244.1.10:40000","dst":"127.0.0.1:15053"}],"message_id":7,"name":"db.shop","type":"A","queries":2,"answers":1,"asked":"2026-11-30T12:00:00.000000000Z","answered":"2026-11-30T12:00:00.003000000Z","rcode":"NOERROR","records":[{"name":"shop","type":"CNAME","ttl":5,"target":"db.shop"},{"name":"db.shop","type":"A","ttl":5,"address":"10.96.0.53"},{"name":"db.shop","type":"A","ttl":5,"address":"10.96.0.54"},{"name":"db.shop","type":"A","ttl":5,"address":"10.96.0.55"},{"name":"db.shop","type":"A","ttl":5,"address":"10.96.0.56"},{"name":"db.shop","type":"A","ttl":5,"address":"10.96.0.57"}],"packets":[{"input":0,"number":3}]}
{"version":1,"kind":"dns","id":1,"role":"upstream","pod":"","interface":"eth0","client":"10.244.1.10:40001","server":"10.96.0.10:53","answered_by":"10.96.0.10:53","redirected":false,"captured":null,"message_id":0,"name":"db.shop","type":"A","queries":1,"answers":0,"asked":"2026-11-30T12:00:00.001000000Z","records":[],"packets":[],"upstream_of":0}
{"version":1,"kind":"dns","id":2,"role":"direct","pod":"","interface":"eth0","client":"10.244.1.10:40002","redirected":false,"captured":null,"message_id":0,"queries":0,"answers":1,"answered":"2026-11-30T12:00:00.005000000Z","rcode":"NXDOMAIN","truncated":true,"records":[],"packets":[]}
`, func(w io.Writer) error { return report.JSONLines(w, whole()) })
}

// TestJSONHasTheSameElements checks that the one object holds, in the same order
// and text, the elements that JSONLines prints.
func TestJSONHasTheSameElements(t *testing.T) {
	var object, lines bytes.Buffer
	if err := errors.Join(report.JSON(&object, whole()), report.JSONLines(&lines, whole())); err != nil {
		t.Fatal(err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object.Bytes(), &members); err != nil {
		t.Fatal(err)
	}
	want := make(map[string][]string)
	for line := range strings.Lines(lines.String()) {
		m := regexp.MustCompile(`^{"version":1,"kind":"(\w+)",(.*)\n$`).FindStringSubmatch(line)
		name := m[1]
		if name != "dns" {
			name += "s"
		}
		want[name] = append(want[name], "{"+m[2])
	}
	got := make(map[string][]string)
	for name, member := range members {
		var list []json.RawMessage
		if name == "version" {
			continue
		}
		if err := json.Unmarshal(member, &list); err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			got[name] = append(got[name], string(e))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-lines +object):\n%s", diff)
	}
}

// TestJSONOfNothing checks that lists of results are there when they are empty, and
// lists of what was not given are not.
func TestJSONOfNothing(t *testing.T) {
	check(t, `{"version":1,
"inputs":[],
"legs":[],
"joins":[],
"paths":[]
}
`, func(w io.Writer) error { return report.JSON(w, &mesh.Result{}) })
}

func TestConfidenceHasFourDecimals(t *testing.T) {
	for _, test := range []struct {
		confidence float64
		want       string
	}{
		{0, "0"},
		{0.00004, "0"},
		{0.5, "0.5"},
		{2.0 / 3, "0.6667"},
		{0.99, "0.99"},
		{0.99996, "0.9999"}, // certainty is proven, and nothing is rounded up to it
		{1, "1"},
	} {
		var out bytes.Buffer
		r := &mesh.Result{Joins: []flow.Join{{Confidence: test.confidence}}}
		if err := report.JSON(&out, r); err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`"confidence":([^,]*)`).FindSubmatch(out.Bytes())
		if m == nil || string(m[1]) != test.want {
			t.Errorf("confidence %v is printed as %s, want %s", test.confidence, m, test.want)
		}
	}
}
