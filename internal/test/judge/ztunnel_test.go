package judge

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/truth"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// ztunnels is where captures of Istio's own ztunnel are. The testbed has none to play them
// anew; one in its place is in the shipped scenarios of ambient pods.
const ztunnels = "../../../testdata/ztunnel"

// helps are what is given with captures of ztunnel: nothing, its log, or all that was left.
// Keys are not, which no ztunnel writes.
var helps = []struct {
	name string
	of   func(record.Files) record.Files
}{
	{"alone", func(record.Files) record.Files { return record.Files{} }},
	{"log", func(r record.Files) record.Files { return record.Files{AccessLogs: r.AccessLogs} }},
	{"records", func(r record.Files) record.Files { return r }},
}

// hopEnds are the clients' ends of two connections that a join ties: connections of the truth, by their clients' ends.
type hopEnds struct{ from, to netip.AddrPort }

// trueJoins lists the joins that the truth has, and what each of its legs is.
func trueJoins(t testing.TB, s *scene) (joins map[hopEnds]bool, legs map[netip.AddrPort]*truth.Leg) {
	joins, legs = make(map[hopEnds]bool), make(map[netip.AddrPort]*truth.Leg)
	end := func(id string) netip.AddrPort {
		l, ok := s.truth.Leg(id)
		if !ok {
			t.Fatalf("no leg %s", id)
		}
		return netip.MustParseAddrPort(l.OrigSrc)
	}
	for i := range s.truth.Legs {
		l := &s.truth.Legs[i]
		legs[end(l.ID)] = l
	}
	for i := range s.truth.Links {
		l := &s.truth.Links[i]
		joins[hopEnds{end(l.From), end(l.To)}] = true
	}
	return joins, legs
}

// joinsOf counts the joins without rivals, and lists those that are not so.
func joinsOf(r *mesh.Result, joins map[hopEnds]bool) (right int, wrong []string) {
	for _, j := range r.Joins {
		c := hopEnds{r.Legs[j.From].Orig.Src, r.Legs[j.To].Orig.Src}
		switch {
		case j.Ambiguous:
		case joins[c]:
			right++
		default:
			wrong = append(wrong, fmt.Sprintf("%s > %s by %s, %.4f", c.from, c.to, j.Evidence[0].Kind, j.Confidence))
		}
	}
	return right, wrong
}

// Connections through ztunnel are tied to the tunnels that carry them, refused, denied and
// those of a pod to itself among them; with its log all are.
func TestZtunnel(t *testing.T) {
	most := map[string]int{"ztunnel-denied": 1} // what ended with the capture, without a log
	for _, s := range scenes(t, ztunnels) {
		t.Run(s.truth.Scenario, func(t *testing.T) {
			if err := s.truth.Check(); err != nil {
				t.Fatal(err)
			}
			joins, legs := trueJoins(t, s)
			for _, a := range helps {
				r := s.stitch(t, mesh.Options{Records: a.of(s.records())})
				right, wrong := joinsOf(r, joins)
				complain(t, a.name, wrong)
				missed := len(joins) - right
				if missed > 0 && (a.name != "alone" || missed > most[s.truth.Scenario]) {
					t.Errorf("%s: %d of %d joins", a.name, right, len(joins))
				}
				if len(r.Legs) != len(legs) {
					t.Errorf("%s: %d legs, want %d", a.name, len(r.Legs), len(legs))
				}
				for _, l := range r.Legs {
					want := legs[l.Orig.Src]
					if want == nil || l.Role.String() != want.Role || l.Orig.Dst.String() != want.OrigDst {
						t.Errorf("%s: a leg %s > %s, %s", a.name, l.Orig.Src, l.Orig.Dst, l.Role)
					}
				}
				for _, c := range r.Conflicts {
					t.Errorf("%s: %s, packets say %s", a.name, c.Says, c.Packets)
				}
			}
		})
	}
}

// What ztunnel says went wrong stands at the connections that it is of.
func TestZtunnelErrors(t *testing.T) {
	for name, want := range map[string]map[string]int{
		"ztunnel-refused": {"http status: 503 Service Unavailable": 6, "Connection refused (os error 111)": 9},
		"ztunnel-denied":  {"http status: 401 Unauthorized": 5, "denied by policy demo/deny-9001": 4}, // three in plaintext, and the tunnel
		"ztunnel-self":    {},
	} {
		s := load(t, truth.Path(ztunnels, name))
		r := s.stitch(t, mesh.Options{Records: s.records()})
		got := make(map[string]int)
		for _, l := range r.Legs {
			if l.Logged != nil && l.Logged.Error != "" {
				got[l.Logged.Reason()]++
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// Parts of captures of ztunnel claim nothing that is not so, and records take nothing away.
func TestZtunnelTenths(t *testing.T) {
	for _, s := range scenes(t, ztunnels) {
		t.Run(s.truth.Scenario, func(t *testing.T) {
			joins, _ := trueJoins(t, s)
			for at := 1; at <= 9; at++ {
				if !full && at%3 != 1 {
					continue
				}
				for _, lost := range []part{before, after, amid} {
					for only := -1; only < 2; only++ {
						c := tenth{at, lost, only}
						all := s.tapes(t)
						c.cut(all)
						inputs := writeTapes(t, all)
						var found []int
						for _, a := range helps {
							right, wrong := joinsOf(stitch(t, inputs, mesh.Options{Records: a.of(s.records())}), joins)
							complain(t, fmt.Sprintf("%s, %s", c, a.name), wrong)
							found = append(found, right)
						}
						if slices.Min(found) < found[0] {
							t.Errorf("%s: %v joins alone, with the log, and with all", c, found)
						}
					}
				}
			}
		})
	}
}

// The log of a node, given for each of its pods, is as good as each pod's own.
func TestZtunnelOfNode(t *testing.T) {
	s := load(t, truth.Path(ztunnels, "ztunnel-refused"))
	joins, _ := trueJoins(t, s)
	var logs []record.File
	for _, pod := range s.truth.Pods {
		for _, f := range s.left("access.log") {
			logs = append(logs, record.File{Name: f.Name, Pod: pod.Name})
		}
	}
	r := s.stitch(t, mesh.Options{Records: record.Files{AccessLogs: logs}})
	if right, wrong := joinsOf(r, joins); right != len(joins) || len(wrong) > 0 {
		t.Errorf("%d of %d joins, wrong %q", right, len(joins), wrong)
	}
	through := 0
	for _, p := range r.Paths {
		if p.Direction == flow.Outbound && len(p.Legs) == 3 {
			through++
		}
	}
	if through == 0 {
		t.Error("no path goes through both pods")
	}
}
