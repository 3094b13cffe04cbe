package report_test

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/names"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// check compares what print writes with want.
func check(t *testing.T, want string, print func(io.Writer) error) {
	t.Helper()
	var out bytes.Buffer
	if err := print(&out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// column prints one column of a table alone. Titles are two blanks apart.
func column(w io.Writer, title string, print func(io.Writer) error) error {
	var table bytes.Buffer
	if err := print(&table); err != nil {
		return err
	}
	head, _, _ := strings.Cut("  "+table.String(), "\n")
	from := strings.Index(head+"  ", "  "+title+"  ")
	if from < 0 {
		return fmt.Errorf("no column %q in %q", title, head)
	}
	to := len(head) // all that follows, in the last column
	if next := strings.TrimLeft(head[from+2+len(title):], " "); next != "" {
		to = len(head) - len(next) - 2
	}
	for line := range strings.Lines(table.String()) {
		cells := []rune(strings.TrimRight(line, "\n"))
		if to < len(head) {
			cells = cells[:min(to, len(cells))]
		}
		fmt.Fprintln(w, strings.TrimRight(string(cells[min(from, len(cells)):]), " "))
	}
	return nil
}

var (
	end  = netip.MustParseAddrPort
	noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC).UnixNano()
)

// at returns a time some milliseconds after noon.
func at(ms int64) int64 { return noon + ms*1e6 }

func tcp(src, dst string) tcpip.Tuple {
	return tcpip.Tuple{Proto: tcpip.ProtoTCP, Src: end(src), Dst: end(dst)}
}

// inbound is a result with one request that a sidecar passed on to its application,
// and a connection past the proxy that is still open.
func inbound() *mesh.Result {
	client := &flow.Leg{ID: 0, Role: flow.RoleClientProxy, Inputs: []int{0}, Interface: "eth0", Protocol: "tls",
		Orig: tcp("192.0.2.10:40112", "10.244.1.10:8080"), Reply: tcp("10.244.1.10:15006", "192.0.2.10:40112"),
		Captured: []tcpip.Tuple{tcp("192.0.2.10:40112", "10.244.1.10:8080"), tcp("10.244.1.10:8080", "192.0.2.10:40112")},
		Start:    capture.Time(at(0)), End: capture.Time(at(250)), ClosedBy: "orig", OrigPackets: 10, ReplyPackets: 9, OrigBytes: 1626, ReplyBytes: 1591, ReplyMissing: 5,
		TLS: flow.TLS{Version: "1.3", SNI: "shop.example", Mutual: true, Reason: "client certificate"}}
	app := &flow.Leg{ID: 1, Role: flow.RoleProxyApp, Inputs: []int{1}, Interface: "lo", Protocol: "http/1.1", ExchangeCount: 1,
		Orig: tcp("127.0.0.6:52110", "10.244.1.10:8080"), Reply: tcp("10.244.1.10:8080", "127.0.0.6:52110"),
		Captured: []tcpip.Tuple{tcp("127.0.0.6:52110", "10.244.1.10:8080")},
		Start:    capture.Time(at(1)), End: capture.Time(at(249)), Inferred: true, ClosedBy: "open", OrigBytes: 377, ReplyBytes: 853000}
	past := &flow.Leg{ID: 2, Role: flow.RoleDirect, Inputs: []int{0}, Interface: "eth0", Protocol: "tcp", Midstream: true,
		Orig: tcp("10.244.1.10:50000", "10.96.0.53:5432"), Reply: tcp("10.96.0.53:5432", "10.244.1.10:50000"),
		Start: capture.Time(at(10)), End: capture.Time(at(10)), ClosedBy: "open", OrigBytes: 12, ReplyBytes: 1_500_000}
	seen := []flow.Evidence{{Kind: flow.RequestID, Detail: "x-request-id 6f1c", Packets: []capture.Ref{{Input: 0, Packet: 4}, {Input: 1, Packet: 9}}}}
	return &mesh.Result{
		Inputs: []mesh.InputInfo{{Name: "eth0.pcap", Packets: 21}, {Name: "lo.pcap", Packets: 19}},
		Legs:   []*flow.Leg{client, app, past},
		Joins:  []flow.Join{{From: 0, To: 1, Confidence: 0.75, Evidence: seen}},
		Paths: []*flow.Path{
			{ID: 0, Direction: flow.Inbound, Client: client.Orig.Src, Server: client.Orig.Dst, Legs: []int{0, 1}, Lead: 0, Joined: true, Complete: true,
				Exchanges: []flow.Exchange{{ID: 0, Method: "GET", Target: "/", Status: 503, Hops: []flow.Hop{
					{Leg: 0, FromLeg: -1, Request: [2]int64{0, 1626}, Response: [2]int64{0, 1591}, RequestStart: capture.Time(at(2))},
					{Leg: 1, FromLeg: 0, Request: [2]int64{0, 377}, Response: [2]int64{0, 853}, Confidence: 0.75, Evidence: seen, Attempt: 1, Copy: true,
						Rivals: []flow.Rival{{Leg: 2, Request: [2]int64{0, 12}}}},
				}, Logged: &record.Logged{Source: record.Source{Kind: record.AccessLog, File: "access.log", Line: 7}, Flags: []string{"UF", "URX"},
					Upstream: end("10.244.1.10:8080")}}}},
			{ID: 1, Direction: flow.Direct, Client: past.Orig.Src, Server: past.Orig.Dst, Legs: []int{2}, Lead: 2},
		},
		Names: []names.Learned{{Addr: end("10.96.0.53:5432").Addr(), Name: "db.shop", Source: names.FromDNS}},
	}
}
