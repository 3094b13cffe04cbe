package judge

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// records names what else the pods of the scene left.
func (s *scene) records() record.Files {
	return record.Files{
		Conntrack:  slices.Concat(s.left("conntrack.txt"), s.left("conntrack-events.txt")),
		AccessLogs: s.left("access.log"),
		Rules:      s.left("iptables.txt"),
		Sockets:    s.left("ss.txt"),
	}
}

// left lists the files of one kind that lie beside the captures, of each pod
// that was captured.
func (s *scene) left(kind string) (files []record.File) {
	names := []string{s.truth.Scenario + "-", s.truth.Scenario + "-node-"}
	for _, p := range s.truth.Pods {
		names = append(names, s.truth.Scenario+"-"+p.Name+"-")
	}
	for i, n := range names {
		for _, gz := range []string{"", ".gz"} {
			file := filepath.Join(s.dir, n+kind+gz)
			if _, err := os.Stat(file); err != nil {
				continue
			}
			pod := ""
			if i > 1 {
				pod = podOf(s.truth.Args, s.fileOf(s.truth.Pods[i-2].Name))
			}
			if s.pod == "" || pod == "" || pod == s.pod {
				files = append(files, record.File{Name: file, Pod: pod})
			}
		}
	}
	return files
}

// fileOf names a capture of a pod.
func (s *scene) fileOf(pod string) string {
	for _, f := range s.truth.Files {
		if f.Pod == pod {
			return f.Name
		}
	}
	return ""
}

// With all that the pods left, nothing is found that is worse than without, and
// what the proxy logged is tied as it was.
func TestRecords(t *testing.T) {
	every(t, func(t *testing.T, s *scene) { s.holdRecords(t) })
}

func (s *scene) holdRecords(t *testing.T) {
	all := s.records()
	without := newJudge(s.truth, s.stitch(t, mesh.Options{}))
	r := s.stitch(t, mesh.Options{Records: all})
	j := newJudge(s.truth, r)
	for i := range r.Records {
		in := &r.Records[i]
		t.Logf("%s %s: %d entries, %d matched", in.Kind, filepath.Base(in.Name), in.Entries, in.Matched)
		if in.Malformed > 0 {
			t.Errorf("%s: %d malformed: %v", in.Name, in.Malformed, in.Faults)
		}
	}
	for _, c := range r.Conflicts {
		t.Errorf("conflict: %s line %d says %s, packets say %s", filepath.Base(c.Source.File), c.Source.Line, c.Says, c.Packets)
	}
	torn, bad := j.halfFlows()
	s.settle(t, "records: half-flows", bad)
	s.settle(t, "records: legs", j.legs())
	s.settle(t, "records: wrong", newly(without.wrong(), j.wrong()))
	s.settle(t, "records: worse", worse(without, j))
	if slices.ContainsFunc(r.Records, func(in record.Info) bool { return in.Kind == record.AccessLog && in.Entries > 0 }) {
		s.settle(t, "records: wrong with log", j.wrong())
		c := j.count()
		if !thinned(s.truth) {
			s.settle(t, "records: all logged", append(c.lost, c.unlogged()...))
		} else if n := len(c.lost); n > len(s.truth.Links)/20 {
			complain(t, "records: most logged", c.lost)
		}
	}
	t.Logf("half-flows %d, links: %v", torn, j.count())
}

// newly lists what is wrong in b only.
func newly(a, b []string) []string {
	return slices.DeleteFunc(b, func(s string) bool { return slices.Contains(a, s) })
}

// worse lists the links that b tells less of than a.
func worse(a, b *judge) (bad []string) {
	for i := range a.truth.Links {
		l := &a.truth.Links[i]
		if v, w := a.link(l), b.link(l); w < v {
			bad = append(bad, fmt.Sprintf("%s %s: %v, was %v without records", l.From, l.Target, w, v))
		}
	}
	return bad
}

// unlogged says how many links that cannot be told apart were not told, though a
// log tells them.
func (c count) unlogged() []string {
	if n := c.other[missing] + c.other[ambiguousWithout] + c.other[ambiguousWith]; n > 0 {
		return []string{fmt.Sprintf("%d of the others are not right: %v", n, c)}
	}
	return nil
}

// With conntrack, the halves of redirected connections find each other, and
// what was dialled is known, also where one of them was not captured.
func TestConntrackHalves(t *testing.T) {
	wide(t, func(t *testing.T, s *scene) {
		if !slices.ContainsFunc(s.truth.Legs, func(w truth.Leg) bool { return w.HalfFlow }) || s.huge() {
			t.Skip("has no half-flows, or too many")
		}
		for _, kind := range []string{"conntrack.txt", "conntrack-events.txt"} {
			files := s.left(kind)
			if len(files) == 0 {
				continue
			}
			for _, lack := range []string{"request", "reply", "either"} {
				t.Run(kind+", no "+lack, func(t *testing.T) { s.holdHalf(t, files, lack) })
			}
		}
	})
}

// holdHalf takes one half of every redirected connection out of the captures.
func (s *scene) holdHalf(t *testing.T, files []record.File, lack string) {
	all := s.tapes(t)
	edit(all, func(p *capture.Packet) bool {
		v, ok := dissectPacket(p)
		return !ok || s.keeps(v.src, v.dst, lack)
	})
	r := stitch(t, writeTapes(t, all), mesh.Options{Records: record.Files{Conntrack: files}})
	m := matchLegs(s.truth, r.Legs)
	var bad []string
	n := 0
	for i := range s.truth.Legs {
		w := &s.truth.Legs[i]
		if !w.HalfFlow || !tracked(t, files, w) {
			continue
		}
		n++
		if l := m.ours[w.ID]; l == nil {
			bad = append(bad, fmt.Sprintf("%s %s > %s: not found", w.ID, w.OrigSrc, w.OrigDst))
		} else if l.Reply.Src.String() != w.ReplySrc || l.Role.String() != w.Role {
			bad = append(bad, fmt.Sprintf("%s %s > %s: answered by %s as %s, really %s as %s", w.ID, w.OrigSrc, w.OrigDst, l.Reply.Src, l.Role, w.ReplySrc, w.Role))
		}
	}
	t.Logf("%d of %d right", n-len(bad), n)
	s.settle(t, "conntrack, no "+lack, bad)
}

// tracked reports whether conntrack lists a leg's connection.
func tracked(t *testing.T, files []record.File, w *truth.Leg) bool {
	src, dst := netip.MustParseAddrPort(w.OrigSrc), netip.MustParseAddrPort(w.OrigDst)
	entry := fmt.Sprintf(" src=%s dst=%s sport=%d dport=%d ", src.Addr(), dst.Addr(), src.Port(), dst.Port())
	return slices.ContainsFunc(files, func(f record.File) bool {
		text, err := os.ReadFile(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(text), entry)
	})
}

// keeps reports whether packets with a tuple stay when halves of redirected
// connections are taken out: all of one kind, or one of each by the client's
// port.
func (s *scene) keeps(from, to netip.AddrPort, lack string) bool {
	for i := range s.truth.Legs {
		w := &s.truth.Legs[i]
		if !w.HalfFlow {
			continue
		}
		src := w.OrigSrc
		if w.RequestSrc != "" {
			src = w.RequestSrc
		}
		request := from.String() == src && to.String() == w.ReplySrc
		reply := from.String() == w.OrigDst && to.String() == w.OrigSrc
		gone := lack
		if lack == "either" {
			gone = [2]string{"request", "reply"}[int(w.OrigSrc[len(w.OrigSrc)-1]/2)%2]
		}
		if request && gone == "request" || reply && gone == "reply" {
			return false
		}
	}
	return true
}

// Entries that say something else than the packets are named, and change
// nothing.
func TestConntrackContradicted(t *testing.T) {
	s := load(t, filepath.Join(pcaps, "outbound-plain-vip-truth.json"))
	file := filepath.Join(t.TempDir(), "conntrack.txt")
	text, err := os.ReadFile(s.left("conntrack.txt")[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	lied := strings.ReplaceAll(string(text), "dst=10.96.10.1 ", "dst=10.96.66.6 ")
	if err := os.WriteFile(file, []byte(lied), 0o600); err != nil {
		t.Fatal(err)
	}
	want := canonical(s.stitch(t, mesh.Options{}), nil, nil)
	r := s.stitch(t, mesh.Options{Records: record.Files{Conntrack: []record.File{{Name: file}}}})
	if d := changes(want, canonical(r, nil, nil)); len(d) > 0 {
		t.Errorf("differs: %q", d)
	}
	if len(r.Conflicts) < 4 {
		t.Errorf("%d conflicts, expected one for each of 4 connections", len(r.Conflicts))
	}
	for _, c := range r.Conflicts {
		if !strings.Contains(c.Says, "10.96.66.6") || !strings.Contains(c.Packets, "10.96.10.1") {
			t.Errorf("conflict says %q, packets %q", c.Says, c.Packets)
		}
	}
}

// A table that says of connections over loopback that they were redirected, where
// both halves show that they were not, undoes no join.
func TestConntrackContradictedOverLoopback(t *testing.T) {
	s := load(t, filepath.Join(pcaps, "same-object-truth.json"))
	want := s.stitch(t, mesh.Options{})
	var lied strings.Builder
	for _, l := range want.Legs {
		if l.Role == flow.RoleProxyApp {
			fmt.Fprintf(&lied, "tcp 6 117 TIME_WAIT src=%s dst=%s sport=%d dport=%d src=127.0.0.1 dst=%[1]s sport=15006 dport=%[3]d [ASSURED] mark=0 use=1\n",
				l.Orig.Src.Addr(), l.Orig.Dst.Addr(), l.Orig.Src.Port(), l.Orig.Dst.Port())
		}
	}
	file := filepath.Join(t.TempDir(), "conntrack.txt")
	if err := os.WriteFile(file, []byte(lied.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.stitch(t, mesh.Options{Records: record.Files{Conntrack: []record.File{{Name: file}}}})
	if d := changes(canonical(want, nil, nil), canonical(r, nil, nil)); len(d) > 0 {
		t.Errorf("differs: %q", d)
	}
	if n := strings.Count(lied.String(), "\n"); n == 0 || len(r.Conflicts) != n {
		t.Errorf("%d conflicts, expected one for each of %d connections", len(r.Conflicts), n)
	}
}

// Records of other pods, and of other times, change nothing and say so.
func TestOtherRecords(t *testing.T) {
	all := scenes(t, pcaps)
	for i, s := range all {
		other := all[(i+1)%len(all)]
		t.Run(s.truth.Scenario+" with "+other.truth.Scenario, func(t *testing.T) {
			if s.huge() {
				t.Skip("others show it")
			}
			var common []record.Kind
			if strings.HasPrefix(s.truth.Scenario, "port-") && strings.HasPrefix(other.truth.Scenario, "port-") || strings.HasPrefix(s.truth.Scenario, "node-nat") {
				common = []record.Kind{record.Conntrack, record.AccessLog, record.Sockets} // played one after the other, on the same ports
			}
			s.holdOther(t, s.inputs, other.records(), common)
		})
	}
}

// What one pod left, given with the captures of its peer: their connections are
// the same, and still nothing of it is about the peer's proxy.
func TestPeersRecords(t *testing.T) {
	s := load(t, filepath.Join(pcaps, "outbound-vip-mtls-truth.json"))
	for _, pod := range []string{"a", "b"} {
		t.Run("captures of "+pod, func(t *testing.T) {
			var inputs []mesh.Input
			for _, in := range s.inputs {
				if in.Pod == pod {
					in.Pod = ""
					inputs = append(inputs, in)
				}
			}
			r := s.records()
			for _, list := range []*[]record.File{&r.Conntrack, &r.AccessLogs, &r.Sockets, &r.Rules} {
				*list = slices.DeleteFunc(*list, func(f record.File) bool { return f.Pod == pod })
				for i := range *list {
					(*list)[i].Pod = ""
				}
			}
			s.holdOther(t, inputs, r, []record.Kind{record.Conntrack, record.Sockets}) // of connections between the two, entries are there
		})
	}
}

// holdOther checks that records change nothing and say that nothing of them is
// of these captures, but for the kinds that may have something in common with them.
func (s *scene) holdOther(t *testing.T, inputs []mesh.Input, records record.Files, common []record.Kind) {
	want := canonical(stitch(t, inputs, mesh.Options{}), nil, nil)
	r := stitch(t, inputs, mesh.Options{Records: records})
	if d := changes(want, canonical(r, nil, nil)); len(d) > 0 {
		t.Errorf("differs: %q", d[:min(len(d), 6)])
	}
	for i := range r.Records {
		in := &r.Records[i]
		silent := slices.Contains(common, in.Kind) || in.Kind == record.Rules || in.Entries == 0
		if in.Matched > 0 && !silent {
			t.Errorf("%s %s: %d of %d entries match", in.Kind, filepath.Base(in.Name), in.Matched, in.Entries)
		}
		if len(report.RecordFaults(in)) == 0 && !silent {
			t.Errorf("%s %s: nothing is said of it", in.Kind, filepath.Base(in.Name))
		}
	}
}
