package dns_test

import (
	"fmt"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/sim"
)

// An entry without times tells whom the client asked last from its port. It is
// believed unless packets show that the client asked others too; one with times
// is believed anyhow, within its time.
func TestEntriesOfLookups(t *testing.T) {
	const entry = "udp      17 29 src=10.244.1.10 dst=192.0.2.53 sport=40000 dport=53 src=127.0.0.1 dst=10.244.1.10 sport=15053 dport=40000 mark=0 zone=2 use=1\n"
	event := func(seconds int) string {
		return fmt.Sprintf("[%d.000000]\t    [NEW] %s", 1_795_248_340+seconds, entry)
	}
	query := func(d *sim.DNSTrace) { d.Add("lo", 0, app, sim.Agent, sim.DNSQuery(7, "svc")) }
	asks := func(d *sim.DNSTrace, server string) {
		d.Add("lo", 1000, app, sim.Agent, sim.DNSQuery(8, "other"))
		d.Add("lo", 1001, server, app, sim.DNSAnswer(8, "other"))
	}
	for _, tt := range []struct {
		name  string
		trace func(d *sim.DNSTrace)
		lines string
		want  string // whom the first lookup asked
	}{
		{"an entry", query, entry, "192.0.2.53:53"},
		{"no entry", query, "", "invalid AddrPort"},
		{"an entry, and the client asked no other", func(d *sim.DNSTrace) { query(d); asks(d, "192.0.2.53:53") }, entry, "192.0.2.53:53"},
		{"an entry, and the client asked another", func(d *sim.DNSTrace) { query(d); asks(d, sim.Resolver) }, entry, "invalid AddrPort"},
		{"an entry, and another client asked another", func(d *sim.DNSTrace) {
			query(d)
			d.Add("lo", 1000, second, sim.Agent, sim.DNSQuery(8, "other"))
			d.Add("lo", 1001, sim.Resolver, second, sim.DNSAnswer(8, "other"))
		}, entry, "192.0.2.53:53"},
		{"an entry, and the client asked another at another point", func(d *sim.DNSTrace) {
			query(d)
			d.Add("eth0", 1000, app, sim.Resolver, sim.DNSQuery(8, "other"))
		}, entry, "192.0.2.53:53"},
		{"an event of that time, and the client asked another", func(d *sim.DNSTrace) { query(d); asks(d, sim.Resolver) }, event(0), "192.0.2.53:53"},
		{"an event of a later time", query, event(3), "invalid AddrPort"},
		{"both directions captured", func(d *sim.DNSTrace) {
			query(d)
			d.Add("lo", 1, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
		}, entry, "10.96.0.10:53"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d sim.DNSTrace
			tt.trace(&d)
			w := at(&d)
			if tt.lines != "" {
				tracked(w, tt.lines)
			}
			lookups, _ := find(t, w)
			l := lookups[0]
			if got := l.Server.String(); got != tt.want || l.AnsweredBy.String() != sim.Agent || l.Client.String() != app {
				t.Errorf("%v asked %v, answered by %v, want %v, %v, %v", l.Client, got, l.AnsweredBy, app, tt.want, sim.Agent)
			}
			if told := l.Record.Line != 0; told != (tt.want == "192.0.2.53:53") {
				t.Errorf("told by line %d", l.Record.Line)
			}
		})
	}
}

// A lookup is the agent's own if conntrack has it in the agent's zone, as it was
// captured.
func TestZoneOfTheAgent(t *testing.T) {
	const from, plain = "udp      17 29 src=10.244.1.10 dst=192.0.2.99 sport=40000 dport=53 ", "src=192.0.2.99 dst=10.244.1.10 sport=53 dport=40000 mark=0 "
	for _, tt := range []struct {
		name, line, want string
	}{
		{"the agent's zone", from + plain + "zone=1 use=1\n", "upstream svc [1]"},
		{"the zone of applications", from + plain + "zone=2 use=1\n", "direct svc [1]"},
		{"no zone", from + plain + "use=1\n", "direct svc [1]"},
		{"NAT", from + "src=127.0.0.1 dst=10.244.1.10 sport=15053 dport=40000 mark=0 zone=1 use=1\n", "direct svc [1]"},
		{"an event of that time", "[1795248340.000000]\t    [NEW] " + from + plain + "zone=1 use=1\n", "upstream svc [1]"},
		{"an event of a later time", "[1795248349.000000]\t    [NEW] " + from + plain + "zone=1 use=1\n", "direct svc [1]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d sim.DNSTrace
			d.Add("eth0", 0, app, "192.0.2.99:53", sim.DNSQuery(7, "svc"))
			lookups, _ := find(t, tracked(at(&d), tt.line))
			if got := packets(lookups)[0]; got != tt.want {
				t.Errorf("lookup %q, want %q", got, tt.want)
			}
		})
	}
}
