package judge

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/names"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// Names looked up over UDP are paired as those who asked say, and told apart by
// who asked and for whom.
func TestLookups(t *testing.T) {
	eachDNS(t, (*scene).holdLookups)
}

// Wireshark finds to every answered query its answer in the stitched capture,
// once, and no redirect but where it cannot be undone.
func TestLookupsInWireshark(t *testing.T) {
	need(t, "tshark")
	eachDNS(t, (*scene).holdDissected)
}

// conntrack tracks what the agent is asked in zone 2 and what it asks in zone 1:
// what was found must agree.
func TestLookupsAndZones(t *testing.T) {
	eachDNS(t, func(s *scene, t *testing.T) {
		text, err := os.ReadFile(filepath.Join(s.dir, s.truth.Scenario+"-conntrack.txt"))
		if err != nil {
			t.Fatal(err)
		}
		want := map[names.Role]string{names.App: "zone=2", names.Upstream: "zone=1", names.Direct: "zone="}
		for _, l := range s.stitch(t, mesh.Options{}).Lookups {
			entry := fmt.Sprintf("src=%v dst=", l.Client.Addr())
			found := false
			for line := range strings.Lines(string(text)) {
				if strings.HasPrefix(line, "udp ") && strings.Contains(line, entry) && strings.Contains(line, fmt.Sprintf("sport=%d dport=53 ", l.Client.Port())) {
					found = true
					if strings.Contains(line, want[l.Role]) == (l.Role == names.Direct) {
						t.Errorf("%v of %v is %v; conntrack: %s", l.Name, l.Client, l.Role, line)
					}
				}
			}
			if !found {
				t.Errorf("conntrack has no entry of %v", l.Client)
			}
		}
	})
}

// With only one half of everything, or only TCP, captured at lo, nobody is taken
// for somebody else.
func TestLookupsLess(t *testing.T) {
	for _, tt := range []struct {
		name string
		keep func(*tcpip.Datagram) bool
		app  int // lookups of the application that must be found; -1: all
	}{
		{"queries", func(g *tcpip.Datagram) bool { return g.Key.Dst.IsLoopback() }, -1},
		{"answers", func(g *tcpip.Datagram) bool { return !g.Key.Dst.IsLoopback() }, -1},
		{"tcp", func(g *tcpip.Datagram) bool { return false }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) { eachDNS(t, func(s *scene, t *testing.T) { s.holdLess53(t, tt.keep, tt.app) }) })
	}
}

// holdLess53 holds the roles of lookups and legs when only some datagrams of lo
// were captured.
func (s *scene) holdLess53(t *testing.T, keep func(*tcpip.Datagram) bool, app int) {
	var inputs []mesh.Input
	dir := t.TempDir()
	for i, tp := range s.tapes(t) {
		d := tcpip.NewDatagramDecoder(tcpip.NewPoints(), func(uint32) []capture.Interface { return tp.interfaces }, 53, 15053)
		tp.packets = slices.DeleteFunc(tp.packets, func(p *capture.Packet) bool {
			var g tcpip.Datagram
			return d.Decode(p, &g) && (app == 0 || s.truth.Files[i].Interface == "lo" && !keep(&g))
		})
		inputs = append(inputs, tp.write(t, dir))
	}
	r := stitch(t, inputs, mesh.Options{})
	roles := make(map[string]string)
	for _, l := range s.truth.Lookups {
		if l.Role != "app" || app != 0 {
			roles[l.Client] = l.Role
		}
	}
	found := make(map[string]bool)
	for _, l := range r.Lookups {
		found[l.Client.String()] = true
		if want := roles[l.Client.String()]; l.Role.String() != want {
			t.Errorf("%s of %v is %v, want %s", l.Name, l.Client, l.Role, want)
		}
	}
	for _, l := range s.truth.Lookups {
		if app != 0 && !found[l.Client] && (l.Answers > 0 || l.Role != "app") {
			t.Errorf("%s of %s was not found", l.Name, l.Client)
		}
	}
	for _, l := range r.Legs {
		if l.Orig.Dst.Port() == 53 && (l.Role != flow.RoleControl || l.Protocol != flow.ProtocolDNS) {
			t.Errorf("leg %d to %v is %v and speaks %s", l.ID, l.Orig.Dst, l.Role, l.Protocol)
		}
	}
	s.holdTracked(t, inputs)
}

// holdTracked checks that conntrack fills in what half a capture leaves open.
func (s *scene) holdTracked(t *testing.T, inputs []mesh.Input) {
	t.Helper()
	table := record.File{Name: filepath.Join(s.dir, s.truth.Scenario+"-conntrack.txt")}
	r := stitch(t, inputs, mesh.Options{Records: record.Files{Conntrack: []record.File{table}}})
	ends := make(map[string][2]string)
	for _, l := range s.truth.Lookups {
		ends[l.Client] = [2]string{l.Server, l.AnsweredBy}
	}
	for _, l := range r.Lookups {
		if got, want := [2]string{l.Server.String(), l.AnsweredBy.String()}, ends[l.Client.String()]; got != want {
			t.Errorf("with conntrack %s of %v was asked of and answered by %v, want %v", l.Name, l.Client, got, want)
		}
	}
}

// eachDNS runs f for every scenario with lookups; there is at least one.
func eachDNS(t *testing.T, f func(*scene, *testing.T)) {
	n := 0
	each(t, func(t *testing.T, s *scene) {
		if s.truth.Lookups == nil {
			t.Skip("no DNS")
		}
		n++
		f(s, t)
	})
	if n == 0 {
		t.Error("no scenario has DNS")
	}
}

func (s *scene) holdLookups(t *testing.T) {
	r := s.stitch(t, mesh.Options{})
	want, got := s.askedTruth(), asked(r.Lookups)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("lookups (-truth +found):\n%s", d)
	}
	for _, l := range r.Legs {
		if l.Orig.Dst.Port() == 53 && (l.Role != flow.RoleControl || l.Protocol != flow.ProtocolDNS) {
			t.Errorf("leg %d to %v is %v and speaks %s", l.ID, l.Orig.Dst, l.Role, l.Protocol)
		}
	}
	s.holdNames(t, r)
}

// lookupKey is a lookup in words that both sides can say, without its cause.
func lookupKey(role, client, server, by string, id int, name, typ string, queries, answers int, rcode string, truncated bool, addrs []string) string {
	if answers == 0 && role == "app" {
		server = "?" // only the answer shows it
	}
	return fmt.Sprintf("%s %s > %s (%s) %04x %s %s, %d queries, %d answers %s %v %v", role, client, server, by, id, name, typ, queries, answers, rcode, truncated, addrs)
}

// askedTruth lists the truth's lookups, each with the one it was asked for.
func (s *scene) askedTruth() []string {
	text := func(l *truth.Lookup) string {
		return lookupKey(l.Role, l.Client, l.Server, l.AnsweredBy, l.ID, l.Name, l.Type, l.Queries, l.Answers, l.RCode, l.Truncated, l.Addresses)
	}
	var all []string
	for i := range s.truth.Lookups {
		l := &s.truth.Lookups[i]
		k := text(l)
		if l.UpstreamOf != nil {
			k += " for " + text(&s.truth.Lookups[*l.UpstreamOf])
		}
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// asked lists the lookups that were found.
func asked(ls []*names.Lookup) []string {
	text := func(l *names.Lookup) string {
		var addrs []string
		for _, r := range l.Records {
			if r.Addr.IsValid() {
				addrs = append(addrs, r.Addr.String())
			}
		}
		return lookupKey(l.Role.String(), l.Client.String(), l.Server.String(), l.AnsweredBy.String(), int(l.MessageID), l.Name, l.Type, l.Queries, l.Answers, l.RCode, l.Truncated, addrs)
	}
	var all []string
	for _, l := range ls {
		k := text(l)
		if l.UpstreamOf >= 0 {
			k += " for " + text(ls[l.UpstreamOf])
		}
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// holdNames checks that every address that an answer gave is called what was
// asked for.
func (s *scene) holdNames(t *testing.T, r *mesh.Result) {
	t.Helper()
	told := make(map[string]string)
	for _, n := range r.Names {
		if n.Source == names.FromDNS {
			told[n.Addr.String()] = n.Name
		}
	}
	n := 0
	for _, l := range s.truth.Lookups {
		for _, a := range l.Addresses {
			n++
			if told[a] != l.Name {
				t.Errorf("%s is called %q, want %q", a, told[a], l.Name)
			}
		}
	}
	if n == 0 {
		t.Error("no address was told")
	}
}

func (s *scene) holdDissected(t *testing.T) {
	for _, o := range []*mesh.WriteOptions{nil, {KeepOther: true}, {View: mesh.ViewLegs}} {
		r := s.stitch(t, mesh.Options{})
		queries, paired := dissectDNS(t, write(t, r, o))
		var want, wantPaired []string
		for _, l := range s.truth.Lookups {
			server := l.Server
			if l.Answers == 0 {
				server = l.AnsweredBy // the redirect cannot be undone
			}
			k := fmt.Sprintf("%s > %s %04x %s", l.Client, server, l.ID, l.Name)
			for range l.Queries {
				want = append(want, k)
			}
			for range l.Answers {
				wantPaired = append(wantPaired, k)
			}
		}
		slices.Sort(want)
		slices.Sort(wantPaired)
		if d := cmp.Diff(want, queries); d != "" {
			t.Errorf("queries (-truth +tshark):\n%s", d)
		}
		if d := cmp.Diff(wantPaired, paired); d != "" {
			t.Errorf("answered queries (-truth +tshark):\n%s", d)
		}
	}
}

// dissectDNS has tshark list the queries over UDP, and those to which it finds an
// answer.
func dissectDNS(t *testing.T, file string) (queries, paired []string) {
	t.Helper()
	byFrame := make(map[string]string)
	out := string(run(t, "tshark", "-n", "-r", file, "-d", "udp.port==15053,dns", "-Y", "dns && udp", "-T", "fields", "-e", "frame.number", "-e", "ip.src", "-e", "udp.srcport",
		"-e", "ip.dst", "-e", "udp.dstport", "-e", "dns.id", "-e", "dns.qry.name", "-e", "dns.flags.response", "-e", "dns.response_to"))
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(f) < 9 {
			t.Fatalf("tshark: %q", line)
		}
		if answer := f[7] == "1" || f[7] == "True"; !answer {
			k := fmt.Sprintf("%s > %s %s %s", join(f[1], f[2]), join(f[3], f[4]), strings.TrimPrefix(f[5], "0x"), f[6])
			queries = append(queries, k)
			byFrame[f[0]] = k
			continue
		}
		q, ok := byFrame[f[8]]
		if !ok {
			t.Errorf("tshark finds no query to answer %s from %s to %s", f[6], f[1], join(f[3], f[4]))
			continue
		}
		if back := fmt.Sprintf("%s > %s ", join(f[3], f[4]), join(f[1], f[2])); !strings.HasPrefix(q, back) {
			t.Errorf("answer from %s to %s to the query %s", join(f[1], f[2]), join(f[3], f[4]), q)
		}
		paired = append(paired, q)
	}
	slices.Sort(queries)
	slices.Sort(paired)
	return queries, paired
}

func join(addr, port string) string {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return addr + ":" + port
	}
	if a.Is6() {
		return "[" + addr + "]:" + port
	}
	return addr + ":" + port
}
