package accesslog_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
)

// Pieces are put together up to the longest line that is read.
func TestLongestPieces(t *testing.T) {
	const at, longest = "2024-01-01T00:00:00.1Z stdout ", 64 << 10
	for _, tc := range []struct {
		name      string
		n         int
		malformed int
	}{{"longest", longest, 0}, {"too long", longest + 1, 1}} {
		t.Run(tc.name, func(t *testing.T) {
			line := outboundHTTP + strings.Repeat("x", tc.n-len(outboundHTTP)) // of the name of the route
			log := at + "P " + line[:30000] + "\n" + at + "P " + line[30000:60000] + "\n" + at + "F " + line[60000:] + "\n" + outboundHTTP + "\n"
			lines, r := readAll(t, log, nil)
			if n, first := r.Malformed(); n != tc.malformed || len(lines) != 2-n || lines[len(lines)-1].Number != 4 {
				t.Errorf("%d lines, malformed %v", len(lines), first)
			}
		})
	}
}

// Lines of the file are read up to the longest, with its line break.
func TestLongestLine(t *testing.T) {
	for _, tc := range []struct {
		name      string
		n         int // with the line break
		malformed int
	}{{"longest", 64 << 10, 0}, {"too long", 64<<10 + 1, 1}, {"much too long", 300 << 10, 1}} {
		t.Run(tc.name, func(t *testing.T) {
			log := outboundHTTP + strings.Repeat("x", tc.n-len(outboundHTTP)-1) + "\n" + inboundHTTP
			lines, r := readAll(t, log, nil)
			n, first := r.Malformed()
			if n != tc.malformed || len(lines) != 2-n || r.Lines() != 2 {
				t.Errorf("%d lines of %d, malformed %v", len(lines), r.Lines(), first)
			}
			if n == 1 && (first[0] != accesslog.Malformed{Line: 1, Text: outboundHTTP[:200], Why: "longer than 65536 bytes"}) {
				t.Errorf("%v", first)
			}
		})
	}
}

// What the end of a log cuts off is told of only if it looked like a line of ours,
// and of what came before it nothing changes.
func TestEndOfLog(t *testing.T) {
	const at = "2024-01-01T00:00:00.1Z stdout "
	bad := outboundHTTP[:100]
	const cut, unknown = "the log ends inside the line", "no known access log format; give its format string"
	for _, tc := range []struct {
		name, in string
		n        int
		want     []string // why
	}{
		{"a piece of another log", bad + "\n" + at + "P something else", 1, []string{unknown}},
		{"a piece", bad + "\n" + at + "P " + bad, 2, []string{unknown, cut}},
		{"the third", bad + "\n" + bad + "\n" + at + "P " + bad, 3, []string{unknown, unknown, cut}},
		{"the fourth", bad + "\n" + bad + "\n" + bad + "\n" + at + "P " + bad, 4, []string{unknown, unknown, unknown}},
		{"of both streams", at + "P " + bad + "\n2024-01-01T00:00:00.1Z stderr P " + bad, 2, []string{cut, cut}},
		{"an empty piece", at + "P ", 0, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, r := readAll(t, tc.in, nil)
			n, first := r.Malformed()
			var got []string
			for _, m := range first {
				got = append(got, m.Why)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || n != tc.n {
				t.Errorf("%d malformed, -want +got:\n%s", n, diff)
			}
		})
	}
}

// docker cuts lines of both streams into pieces that lie between each other.
func TestPiecesOfDocker(t *testing.T) {
	piece := func(s, stream, end string) string {
		return `{"log":"` + strings.ReplaceAll(s, `"`, `\"`) + end + `","stream":"` + stream + `","time":"2024-01-01T00:00:00.1Z"}` + "\n"
	}
	n := len(outboundHTTP) / 2
	lines, r := readAll(t, piece(outboundHTTP[:n], "stdout", "")+piece(inboundHTTP[:n], "stderr", "")+piece(outboundHTTP[n:], "stdout", `\n`)+piece(inboundHTTP[n:], "stderr", `\n`), nil)
	if bad, first := r.Malformed(); bad != 0 || len(lines) != 2 || lines[0].Number != 1 || lines[1].Number != 2 || lines[0].Duration != 4*ms || lines[1].Duration != 2*ms {
		t.Errorf("%d lines, malformed %v", len(lines), first)
	}
	lines, r = readAll(t, strings.TrimSuffix(piece(outboundHTTP, "stdout", `\n`), "}\n")+"\n", nil)
	if bad, first := r.Malformed(); bad != 1 || first[0].Why != "bad JSON" || len(lines) != 0 {
		t.Errorf("cut off: %d lines, malformed %v", len(lines), first)
	}
}
