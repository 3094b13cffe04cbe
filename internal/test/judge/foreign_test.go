package judge

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// Wireshark and tcpflow, which know nothing of meshes, read from a stitched
// capture the streams that Follow gives: as many, under the same numbers, with
// the same bytes.
func TestForeign(t *testing.T) {
	need(t, "tshark")
	need(t, "tcpflow")
	need(t, "capinfos")
	wide(t, func(t *testing.T, s *scene) {
		t.Parallel()
		if s.huge() {
			t.Skip("its streams are like mtls-http's")
		}
		s.holdForeign(t)
	})
}

// likePooled lists scenarios that differ from inbound-plain-pooled only in how
// they were captured: near the server, their streams are rebuilt like its own.
// Played live they are checked all the same.
var likePooled = []string{"any-sll1", "any-sll2", "direction-pair", "dumpcap-both", "eth0-and-any", "rotated", "inbound-nginx",
	"inbound-before-1.10", "no-request-id", "same-object", "excluded", "agent-probe", "outbound-own-tls", "inbound-mtls-tcp"}

// complaint is what capinfos says of a file that it cannot read to its end.
var complaint = regexp.MustCompile(`(?i)error|cut short|isn't|less data`)

func (s *scene) holdForeign(t *testing.T) {
	had := sync.OnceValue(func() map[string]bool { return s.oldNotes(t) })
	for _, near := range []bool{false, true} {
		if near && !s.live && (s.crowded() || slices.Contains(likePooled, s.truth.Scenario)) {
			continue
		}
		name := map[bool]string{false: "client", true: "server"}[near]
		r := s.stitch(t, mesh.Options{NearServer: near})
		want, file := follow(t, r), write(t, r, nil)
		rows, got := dissect(t, file, len(want))
		bad := append(streamCount(rows, len(want)), compareWhole(want, got)...)
		if s.ordered(t) {
			bad = append(bad, backward(rows)...)
		}
		s.settle(t, "tshark near "+name, bad)
		s.settle(t, "notes near "+name, newNotes(r, rows, had))
		s.settle(t, "tcpflow near "+name, compareCarved(want, tcpflow(t, file)))
		if out, err := exec.Command("capinfos", "-M", file).CombinedOutput(); err != nil || complaint.Match(out) {
			t.Errorf("capinfos: %v\n%s", err, out)
		}
	}
}

// streamCount checks that the streams are numbered without a gap.
func streamCount(rows []row, want int) []string {
	n := 0
	for _, r := range rows {
		n = max(n, r.stream+1)
	}
	if n != want {
		return []string{fmt.Sprintf("%d streams, expected %d", n, want)}
	}
	return nil
}

// backward lists the packets at which time runs back.
func backward(rows []row) (bad []string) {
	for i, r := range rows {
		if i > 0 && len(r.time) == len(rows[i-1].time) && r.time < rows[i-1].time {
			bad = append(bad, fmt.Sprintf("packet %d is of %s, before the one before it (%s)", i+1, r.time, rows[i-1].time))
		}
	}
	return bad
}

// ordered reports whether time never runs back in the captures themselves, as it
// does when a capture is fed by several CPUs.
func (s *scene) ordered(t testing.TB) bool {
	for _, in := range s.inputs {
		last := int64(0)
		for _, p := range packets(t, in.Name) {
			if int64(p.Time) < last {
				return false
			}
			last = int64(p.Time)
		}
	}
	return true
}

// compareWhole compares the streams of which nothing is missing: tshark tells
// of gaps in words amid the bytes.
func compareWhole(want, got []*stream) (bad []string) {
	if len(want) != len(got) {
		return []string{fmt.Sprintf("followed %d streams, expected %d", len(got), len(want))}
	}
	for i, w := range want {
		if w.flows[0].missing+w.flows[1].missing > 0 {
			continue
		}
		g := got[i].toward(w.client, w.server)
		if d := w.same(g); d != "" && len(w.flows[0].data)+len(w.flows[1].data)+len(g.flows[0].data)+len(g.flows[1].data) > 0 {
			bad = append(bad, fmt.Sprintf("stream %d: %s", i, d))
		}
	}
	return bad
}

// compareCarved compares what tcpflow wrote: a file for each direction with
// bytes, for several connections of one tuple one after the other.
func compareCarved(want []*stream, files []carved) (bad []string) {
	byWay := make(map[[2]string][]carved)
	for _, f := range files {
		if len(f.data) > 0 {
			byWay[[2]string{f.src, f.dst}] = append(byWay[[2]string{f.src, f.dst}], f)
		}
	}
	for i, w := range want {
		for d, way := range [2][2]string{{w.client, w.server}, {w.server, w.client}} {
			if len(w.flows[d].data) == 0 {
				continue
			}
			fs := byWay[way]
			if len(fs) == 0 {
				bad = append(bad, fmt.Sprintf("stream %d: nothing from %s to %s", i, way[0], way[1]))
				continue
			}
			byWay[way] = fs[1:]
			if w.flows[d].missing == 0 && !slices.Equal(fs[0].data, w.flows[d].data) {
				bad = append(bad, fmt.Sprintf("stream %d, %s > %s: %d bytes, expected %d, equal up to %d", i, way[0], way[1],
					len(fs[0].data), len(w.flows[d].data), common(fs[0].data, w.flows[d].data)))
			}
		}
	}
	for way, fs := range byWay {
		if len(fs) > 0 {
			bad = append(bad, fmt.Sprintf("%d flows too many from %s to %s", len(fs), way[0], way[1]))
		}
	}
	return bad
}

// newNotes lists what tshark complains of in the stitched capture but not in
// the packets of the same legs as they were captured.
func newNotes(r *mesh.Result, rows []row, had func() map[string]bool) (bad []string) {
	for _, w := range rows {
		for _, n := range w.notes {
			if w.stream < len(r.Paths) && !slices.ContainsFunc(r.Paths[w.stream].Legs, func(id int) bool { return noted(had(), n, r.Legs[id]) }) {
				bad = append(bad, fmt.Sprintf("stream %d: %s in %s > %s, not in its legs as captured", w.stream, n, w.src, w.dst))
			}
		}
	}
	return bad
}

// noted reports whether a leg had the note as captured.
func noted(had map[string]bool, note string, l *flow.Leg) bool {
	return slices.ContainsFunc(l.Captured, func(c tcpip.Tuple) bool { return had[note+c.String()] })
}

// oldNotes lists what tshark complains of in the captures themselves.
func (s *scene) oldNotes(t testing.TB) map[string]bool {
	had := make(map[string]bool)
	for _, f := range s.truth.Files {
		rows, _ := dissect(t, filepath.Join(s.dir, f.Name), 0)
		for _, r := range rows {
			for _, n := range r.notes {
				had[n+r.src+" > "+r.dst] = true
			}
		}
	}
	return had
}
