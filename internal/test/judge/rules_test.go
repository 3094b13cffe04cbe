//go:build testbed

package judge

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/firewall"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/walk"
)

// firewallPorts are those that random rules speak of and probes dial.
var firewallPorts = []uint16{22, 53, 80, 443, 8080, 9090, 15001, 15006, 15008, 15020, 15053, 15090}

// rounds is how many random rule sets are tried; PCAPMESH_ROUNDS changes it.
const rounds = 25

// What the walk says of a connection is what the kernel does with it, whatever
// the rules and in whatever form they were read.
func TestRulesAgainstKernel(t *testing.T) {
	f := kernel(t)
	n := rounds
	if s := os.Getenv("PCAPMESH_ROUNDS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	total := tally{}
	for seed := range n {
		rng := rand.New(rand.NewPCG(uint64(seed), 0x72756c65))
		ipt4, nft4 := firewall.RandomRules(rng, false, firewallPorts)
		ipt6, nft6 := firewall.RandomRules(rng, true, firewallPorts)
		t.Run(fmt.Sprintf("iptables %d", seed), func(t *testing.T) {
			loadRules(t, f, map[string]string{"iptables-restore": ipt4, "ip6tables-restore": ipt6})
			total.add(holdWalks(t, f, rng, map[string]*rules.Ruleset{
				"source": readRules(t, "# iptables\n"+ipt4, "# ip6tables\n"+ipt6),
				"save":   readRules(t, dump(t, f, "iptables-save", "-c"), dump(t, f, "ip6tables-save")),
				"list":   readRules(t, listed(t, f, "iptables"), listed(t, f, "ip6tables")),
				"S":      readRules(t, commands(t, f, "iptables"), commands(t, f, "ip6tables")),
				"as nft": readRules(t, dump(t, f, "nft", "list", "ruleset")),
			}))
		})
		for _, native := range []string{nft4, nft6} {
			t.Run(fmt.Sprintf("nft %d", seed), func(t *testing.T) {
				loadRules(t, f, map[string]string{"nft -f -": native})
				total.add(holdWalks(t, f, rng, map[string]*rules.Ruleset{
					"source": readRules(t, native),
					"list":   readRules(t, dump(t, f, "nft", "list", "ruleset")),
				}))
			})
		}
	}
	t.Logf("%d connections: %d redirected, %d dropped, %d untouched; %d walks ended at a rule that nft does not show",
		total.probes, total.redirected, total.dropped, total.probes-total.redirected-total.dropped, total.unknown)
	if total.redirected < total.probes/20 || total.dropped == 0 {
		t.Error("the rules drawn do too little to show anything")
	}
}

// kernel returns a pod with a firewall, closed at the end of the test.
func kernel(t *testing.T) *firewall.Firewall {
	t.Helper()
	if err := firewall.Missing(); err != nil {
		t.Skip(err)
	}
	f, err := firewall.New(t.Context(), firewallPorts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func loadRules(t *testing.T, f *firewall.Firewall, texts map[string]string) {
	t.Helper()
	if err := f.Load(texts); err != nil {
		t.Fatal(err)
	}
}

func dump(t *testing.T, f *firewall.Firewall, args ...string) string {
	t.Helper()
	text, err := f.Run(args...)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// listed returns what people paste of all tables.
func listed(t *testing.T, f *firewall.Firewall, program string) string {
	text := "$ " + program + "\n"
	for _, table := range []string{"raw", "mangle", "nat"} {
		text += dump(t, f, program, "-t", table, "-L", "-n", "-v")
	}
	return text
}

func commands(t *testing.T, f *firewall.Firewall, program string) string {
	text := "$ " + program + "\n"
	for _, table := range []string{"raw", "mangle", "nat"} {
		text += dump(t, f, program, "-t", table, "-S", "-v")
	}
	return text
}

// readRules reads texts as one rule set, and wants every line of them.
func readRules(t *testing.T, texts ...string) *rules.Ruleset {
	t.Helper()
	s := &rules.Ruleset{}
	for _, text := range texts {
		if err := s.Read(strings.NewReader(text)); err != nil {
			t.Fatalf("%v:\n%s", err, text)
		}
	}
	if n, first := s.Malformed(); n > 0 {
		t.Errorf("%d malformed lines, such as %+v", n, first)
	}
	return s
}

// A tally counts what became of probes.
type tally struct{ probes, redirected, dropped, unknown int }

func (a *tally) add(b tally) {
	a.probes += b.probes
	a.redirected += b.redirected
	a.dropped += b.dropped
	a.unknown += b.unknown
}

// holdWalks tries probes and holds each walk against what conntrack has.
func holdWalks(t *testing.T, f *firewall.Firewall, rng *rand.Rand, sets map[string]*rules.Ruleset) (n tally) {
	t.Helper()
	probes := append(drawProbes(rng, false), drawProbes(rng, true)...)
	entries, err := f.Try(probes)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range probes {
		e := entries[i]
		if !e.Sent {
			continue
		}
		n.probes++
		if !e.Seen {
			n.dropped++
		} else if e.Answers != p.To {
			n.redirected++
		}
		for name, set := range sets {
			tr := set.Walk(packetOf(p))
			if tr.Outcome == walk.Unknown && name == "as nft" {
				n.unknown++
				continue
			}
			if got, want := foretold(tr), seen(e, tr); !slices.Contains(want, got) {
				t.Errorf("%s: %+v:\nwalk   %s\nkernel %s\n%s", name, p, got, want, steps(tr))
			}
		}
	}
	return n
}

// foretold and seen say the same in the same words.
func foretold(tr *walk.Trace) string {
	last := walk.Step{}
	if n := len(tr.Steps); n > 0 {
		last = tr.Steps[n-1]
	}
	if tr.Outcome == walk.Dropped && (tr.Packet.In != "" || last.Hook == "OUTPUT") {
		return "nothing" // what is dropped on lo was sent, so it has an entry
	}
	if tr.Outcome == walk.Unknown {
		return "unknown: " + tr.Reason
	}
	return fmt.Sprintf("%s zone %d mark %#x", tr.Dst, tr.Zone, tr.ConnMark)
}

func seen(e firewall.Entry, tr *walk.Trace) (out []string) {
	for _, e := range append(e.Again, e) {
		if !e.Seen {
			return []string{"nothing"}
		}
		if !e.Unreplied { // what came after the first packet may have set another mark
			e.ConnMark = tr.ConnMark
		}
		out = append(out, fmt.Sprintf("%s zone %d mark %#x", e.Answers, e.Zone, e.ConnMark))
	}
	return out
}

func steps(tr *walk.Trace) string {
	var w strings.Builder
	for _, s := range tr.Steps {
		fmt.Fprintf(&w, "  %s %s %s %d: %s\n", s.Hook, s.Table, s.Chain, s.Rule, s.Text)
	}
	return w.String()
}

// packetOf gives the walk what the kernel has.
func packetOf(p firewall.Probe) walk.Packet {
	pod, second, _ := firewall.Addrs(p.To.Addr().Is6())
	out := walk.Packet{Tuple: tcpip.Tuple{Proto: 6, Src: p.From, Dst: p.To}, UID: uint32(p.UID), GID: uint32(p.GID),
		Local: []netip.Addr{pod, second, netip.MustParseAddr("::6")}}
	if p.UDP {
		out.Proto = 17
	}
	switch to := p.To.Addr(); {
	case p.Inbound:
		out.In, out.InAddr = "eth0", pod
		if to.Is6() { // Linux puts new addresses first
			out.InAddr = second
		}
	case to.IsLoopback() || to == pod || to == second || to == netip.MustParseAddr("::6"):
		out.Out = "lo"
	default:
		out.Out = "eth0"
	}
	return out
}

// drawProbes draws connections from and to all that rules may tell apart.
func drawProbes(rng *rand.Rand, v6 bool) []firewall.Probe {
	pod, second, peer := firewall.Addrs(v6)
	lo, pass, far := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.6"), []string{"10.96.3.4", "203.0.113.9", "198.51.100.7"}
	if v6 {
		lo, pass, far = netip.IPv6Loopback(), netip.MustParseAddr("::6"), []string{"fd00:10:96::3", "2001:db8::9", "2001:4860::7"}
	}
	var out []firewall.Probe
	for i := range 60 {
		p := firewall.Probe{UDP: rng.IntN(4) == 0, UID: []int{1337, 1000, 0}[rng.IntN(3)], GID: []int{1337, 1000, 1500}[rng.IntN(3)]}
		from, to := pod, []netip.Addr{lo, pass, pod, second, peer}[rng.IntN(5)]
		switch {
		case rng.IntN(3) == 0:
			p.Inbound, p.UID, p.GID = true, 0, 0
			from, to = peer, []netip.Addr{pod, second}[rng.IntN(2)]
		case rng.IntN(3) == 0:
			to = netip.MustParseAddr(far[rng.IntN(len(far))])
		case to == lo || rng.IntN(4) == 0 && to != peer:
			from = []netip.Addr{lo, pass}[rng.IntN(2)]
		}
		p.From = netip.AddrPortFrom(from, uint16(20000+i))
		p.To = netip.AddrPortFrom(to, firewallPorts[rng.IntN(len(firewallPorts))])
		out = append(out, p)
	}
	return out
}
