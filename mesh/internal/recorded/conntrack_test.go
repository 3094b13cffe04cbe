package recorded

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/conntrack"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

const (
	asker    = "10.244.1.10:5353"
	resolver = "10.96.0.10:53"
	agent    = "127.0.0.1:15053"
)

// tracked is an entry of a connection that was dialled at one place and answered
// from another.
func tracked(orig, reply tcpip.Tuple) *Entry {
	return &Entry{Entry: conntrack.Entry{Orig: orig, Reply: reply}}
}

// A query is captured behind the redirect, its answer before it, and no other of the
// four tuples is a datagram of the entry.
func TestEntryOf(t *testing.T) {
	redirected := func() *Entry { return tracked(udp(asker, resolver), udp(agent, asker)) }
	elsewhere := tracked(udp(asker, "10.96.0.11:53"), udp(agent, asker))
	replied := tracked(udp(asker, resolver), udp("127.0.0.1:15054", asker))
	plain := tracked(udp(asker, resolver), udp(resolver, asker))
	late := redirected()
	late.From = conntrack.Stamp{Time: 100e9}
	for _, tc := range []struct {
		name    string
		entries []*Entry
		tuple   tcpip.Tuple
		want    int // -1 = none
	}{
		{"query", []*Entry{redirected()}, udp(asker, agent), 0},
		{"answer", []*Entry{redirected()}, udp(resolver, asker), 0},
		{"query as asked", []*Entry{redirected()}, udp(asker, resolver), -1},
		{"answer as given", []*Entry{redirected()}, udp(agent, asker), -1},
		{"no redirect, query", []*Entry{plain}, udp(asker, resolver), -1},
		{"no redirect, answer", []*Entry{plain}, udp(resolver, asker), -1},
		{"another tuple", []*Entry{redirected()}, udp(asker, "127.0.0.1:15054"), -1},
		{"listed twice", []*Entry{redirected(), redirected()}, udp(asker, agent), 1},
		{"two resolvers", []*Entry{redirected(), elsewhere}, udp(asker, agent), -1},
		{"two agents", []*Entry{redirected(), replied}, udp(resolver, asker), -1},
		{"two agents, told apart", []*Entry{redirected(), replied}, udp(asker, "127.0.0.1:15054"), 1},
		{"not yet", []*Entry{late}, udp(asker, agent), -1},
		{"not yet, and now", []*Entry{late, redirected()}, udp(asker, agent), 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var want *Entry
			if tc.want >= 0 {
				want = tc.entries[tc.want]
			}
			if got := newEntries(tc.entries).EntryOf(tc.tuple, 50e9); got != want {
				t.Errorf("entry %p, want %p", got, want)
			}
		})
	}
}

func TestCovers(t *testing.T) {
	exact := func(nanos int64) conntrack.Stamp { return conntrack.Stamp{Time: capture.Time(nanos)} }
	local := func(nanos int64) conntrack.Stamp { return conntrack.Stamp{Time: capture.Time(nanos), Local: true} }
	const at = int64(1_000e9)
	for _, tc := range []struct {
		name     string
		from, to conntrack.Stamp
		want     bool
	}{
		{"nothing known", conntrack.Stamp{}, conntrack.Stamp{}, true},
		{"between", exact(at - 1), exact(at + 1), true},
		{"just made", exact(at + NATSlack), conntrack.Stamp{}, true},
		{"not made yet", exact(at + NATSlack + 1), conntrack.Stamp{}, false},
		{"made later by a clock of its own", local(at + NATSlack + 1), conntrack.Stamp{}, true},
		{"just gone", conntrack.Stamp{}, exact(at - NATSlack), true},
		{"gone", conntrack.Stamp{}, exact(at - NATSlack - 1), false},
		{"gone by a clock of its own", conntrack.Stamp{}, local(at - NATSlack - 1), true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := &Entry{From: tc.from, To: tc.to}
			if got := e.Covers(at); got != tc.want {
				t.Errorf("covers %v, want %v", got, tc.want)
			}
		})
	}
}

// Of a clock whose zone is not known only the minutes within a quarter of an hour
// count.
func TestOff(t *testing.T) {
	const minute = int64(60e9)
	const at = 4 * quarter
	for _, tc := range []struct {
		name  string
		stamp conntrack.Stamp
		want  int64
	}{
		{"exact, later", conntrack.Stamp{Time: capture.Time(at + 60*minute)}, 60 * minute},
		{"exact, earlier", conntrack.Stamp{Time: capture.Time(at - 60*minute)}, -60 * minute},
		{"an hour ahead", conntrack.Stamp{Time: capture.Time(at + 60*minute + 3), Local: true}, 3},
		{"an hour behind", conntrack.Stamp{Time: capture.Time(at - 45*minute - 3), Local: true}, -3},
		{"two minutes", conntrack.Stamp{Time: capture.Time(at + 2*minute), Local: true}, 2 * minute},
		{"half a quarter", conntrack.Stamp{Time: capture.Time(at + quarter/2), Local: true}, quarter / 2},
		{"more than half a quarter", conntrack.Stamp{Time: capture.Time(at + quarter/2 + 1), Local: true}, -quarter/2 + 1},
		{"the same", conntrack.Stamp{Time: capture.Time(at), Local: true}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Off(tc.stamp, at); got != tc.want {
				t.Errorf("off by %d, want %d", got, tc.want)
			}
		})
	}
	if quarter != 900*int64(1e9) {
		t.Errorf("a quarter of an hour is %d ns", quarter)
	}
}

func TestIdle(t *testing.T) {
	for _, tc := range []struct {
		name  string
		entry conntrack.Entry
		want  int64
	}{
		{"just seen", conntrack.Entry{State: "ESTABLISHED", Timeout: 432000, Has: conntrack.HasTimeout}, 0},
		{"a minute ago", conntrack.Entry{State: "TIME_WAIT", Timeout: 60, Has: conntrack.HasTimeout}, 60},
		{"longer timeouts", conntrack.Entry{State: "CLOSE", Timeout: 11, Has: conntrack.HasTimeout}, 0},
		{"a state that is none", conntrack.Entry{State: "LISTEN", Timeout: 5, Has: conntrack.HasTimeout}, UnknownIdle},
		{"no timeout", conntrack.Entry{State: "ESTABLISHED", Timeout: 5, Has: conntrack.HasMark}, UnknownIdle},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := &Entry{Entry: tc.entry}
			if got := e.Idle(); got != tc.want {
				t.Errorf("idle for %d, want %d", got, tc.want)
			}
		})
	}
}

// An entry is kept if either of its tuples, in either direction, was captured.
func TestEntryTouches(t *testing.T) {
	seen := &touched{tuples: map[uint64]struct{}{hashTuple(tuple(client, service)): {}, hashTuple(udp(asker, resolver)): {}}}
	other := tuple("192.0.2.1:1", "192.0.2.2:2")
	otherUDP := udp("192.0.2.1:1", "192.0.2.2:2")
	icmp := tcpip.Tuple{Proto: 1, Src: ap(client), Dst: ap(service)}
	seen.tuples[hashTuple(icmp)] = struct{}{}
	for _, tc := range []struct {
		name        string
		orig, reply tcpip.Tuple
		want        bool
	}{
		{"orig", tuple(client, service), other, true},
		{"orig reversed", tuple(service, client), other, true},
		{"reply", other, tuple(client, service), true},
		{"reply reversed", other, tuple(service, client), true},
		{"neither", other, other, false},
		{"UDP", udp(asker, resolver), otherUDP, true},
		{"UDP at ports of TCP", udp(client, service), otherUDP, false},
		{"ICMP", icmp, icmp, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := seen.entry(&conntrack.Entry{Orig: tc.orig, Reply: tc.reply}); got != tc.want {
				t.Errorf("touches %v, want %v", got, tc.want)
			}
		})
	}
}

// What is kept of a table is found by each tuple that its packets may show.
func TestReadConntrack(t *testing.T) {
	x, _, _ := dialled(t)
	files, file := given(t, record.Conntrack, `tcp 6 100 ESTABLISHED src=192.0.2.1 dst=192.0.2.2 sport=1 dport=2 src=192.0.2.2 dst=192.0.2.1 sport=2 dport=1 [ASSURED] mark=0 use=1
tcp 6 100 TIME_WAIT src=10.244.1.10 dst=10.96.10.1 sport=40000 dport=80 src=127.0.0.1 dst=10.244.1.10 sport=15001 dport=40000 [ASSURED] mark=1337 zone=3 use=1
udp 17 20 src=10.244.1.10 dst=10.96.10.1 sport=40000 dport=80 src=10.96.10.1 dst=10.244.1.10 sport=80 dport=40000 use=1
`)
	rs := readBeside(t, files, x)
	if len(rs.NAT.Entries) != 1 || !rs.Datagrams.Empty() || rs.NAT.Empty() {
		t.Fatalf("%d entries of TCP and %d of UDP, want 1 and none", len(rs.NAT.Entries), len(rs.Datagrams.Entries))
	}
	want := []record.Info{{File: file, Kind: record.Conntrack, Lines: 3, Entries: 3, Matched: 1}}
	if diff := cmp.Diff(want, rs.Files); diff != "" {
		t.Errorf("files, -want +got:\n%s", diff)
	}
	e := rs.NAT.Entries[0]
	orig, reply := tuple(client, service), tuple(listener, client)
	if got, want := e.Tuples(), [2]tcpip.Tuple{orig, reply}; got != want {
		t.Errorf("tuples %v, want %v", got, want)
	}
	wantTracked := &record.Tracked{Source: record.Source{Kind: record.Conntrack, File: file.Name, Line: 2}, Orig: orig, Reply: reply, State: "TIME_WAIT", Mark: 1337, Zone: 3}
	if diff := cmp.Diff(wantTracked, e.Tracked(rs.Files), cmpopts.EquateComparable(netip.AddrPort{}, tcpip.Tuple{})); diff != "" {
		t.Errorf("tracked, -want +got:\n%s", diff)
	}
	if got := (*Entry)(nil).Tracked(rs.Files); got != nil {
		t.Errorf("no entry says %+v", got)
	}
	views := map[tcpip.Tuple][]View{
		orig: {{e, false}}, orig.Reverse(): {{e, true}},
		reply.Reverse(): {{e, false}}, reply: {{e, true}},
	}
	if len(rs.NAT.Views) != len(views) {
		t.Errorf("%d tuples, want %d", len(rs.NAT.Views), len(views))
	}
	for k, want := range views {
		if got := rs.NAT.Views[k]; len(got) != 1 || got[0] != want[0] {
			t.Errorf("views of %v: %v, want %v", k, got, want)
		}
	}
}

// Without NAT an entry has two tuples, and each of them once.
func TestViewsWithoutNAT(t *testing.T) {
	b := newEntries([]*Entry{tracked(tuple(client, service), tuple(service, client))})
	if len(b.Views) != 2 || len(b.Views[tuple(client, service)]) != 1 || len(b.Views[tuple(service, client)]) != 1 {
		t.Errorf("views %v, want one of each direction", b.Views)
	}
}

// Datagrams are kept apart from connections.
func TestReadConntrackOfDatagrams(t *testing.T) {
	x := captured(t, queries())
	files, _ := given(t, record.Conntrack, `udp 17 20 src=10.244.1.10 dst=10.96.0.10 sport=5353 dport=53 src=127.0.0.1 dst=10.244.1.10 sport=15053 dport=5353 use=1
`)
	rs := readBeside(t, files, x)
	if len(rs.Datagrams.Entries) != 1 || !rs.NAT.Empty() {
		t.Fatalf("%d entries of UDP and %d of TCP, want 1 and none", len(rs.Datagrams.Entries), len(rs.NAT.Entries))
	}
	if got, want := rs.Datagrams.EntryOf(udp(resolver, asker), 0), rs.Datagrams.Entries[0]; got != want {
		t.Errorf("entry %p of the answer, want %p", got, want)
	}
}
