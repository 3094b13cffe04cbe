package report_test

import (
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

func info(kind record.Kind, name string) record.Info {
	return record.Info{File: record.File{Name: name}, Kind: kind, Lines: 9}
}

func TestRecords(t *testing.T) {
	entries, one, rules, none := info(record.Conntrack, "ct.txt"), info(record.AccessLog, "a.log"), info(record.Rules, "r.txt"), info(record.Sockets, "ss.txt")
	entries.Entries, entries.Matched, entries.Malformed = 12, 4, 1
	one.Entries, one.Matched = 1, 1
	rules.Entries, rules.Mesh, rules.Malformed = 30, "istio", 2
	check(t, `conntrack ct.txt: 12 entries, 4 of these captures, 1 line malformed
access-log a.log: 1 line, 1 of these captures
rules r.txt: 30 rules of istio, 2 lines malformed
sockets ss.txt: 0 sockets, 0 of these captures
`, func(w io.Writer) error {
		return report.Records(w, &mesh.Result{Records: []record.Info{entries, one, rules, none}})
	})
}

func TestRecordFaults(t *testing.T) {
	for _, test := range []struct {
		name string
		kind record.Kind
		edit func(*record.Info)
		want []string
	}{
		{"all is well", record.Conntrack, func(in *record.Info) { in.Entries, in.Matched = 2, 1 }, nil},
		{"no line is any", record.AccessLog, func(*record.Info) {}, []string{"access-log f: nothing that is a line of an access log in this format in 9 lines"}},
		{"of another pod", record.Conntrack, func(in *record.Info) { in.Entries = 3 },
			[]string{"conntrack f: none of 3 entries is of a connection in these captures; is it of another pod, or another time?"}},
		{"rules match nothing", record.Rules, func(in *record.Info) { in.Entries = 3 }, nil},
		{"malformed", record.Sockets, func(in *record.Info) {
			in.Entries, in.Matched, in.Malformed, in.Faults = 3, 3, 5, []string{"line 2: no port", "line 4: no port", "line 5: no port"}
		}, []string{
			"sockets f: line 2: no port; the rest is used", "sockets f: line 4: no port; the rest is used", "sockets f: line 5: no port; the rest is used",
			"sockets f: 2 more lines that cannot be read"}},
		{"one more than is kept", record.Sockets, func(in *record.Info) {
			in.Entries, in.Matched, in.Malformed, in.Faults = 3, 3, 2, []string{"line 2: no port"}
		},
			[]string{"sockets f: line 2: no port; the rest is used", "sockets f: 1 more line that cannot be read"}},
		{"one that was kept", record.Sockets, func(in *record.Info) {
			in.Entries, in.Matched, in.Malformed, in.Faults = 3, 3, 1, []string{"line 2: no port"}
		},
			[]string{"sockets f: line 2: no port; the rest is used"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := info(test.kind, "f")
			test.edit(&in)
			if diff := cmp.Diff(test.want, report.RecordFaults(&in)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestConflict(t *testing.T) {
	c := record.Conflict{Source: record.Source{Kind: record.Conntrack, File: "ct.txt", Line: 3}, Leg: 0, Says: "8080", Packets: "9090",
		Shown: []capture.Ref{{Input: 0, Packet: 4}, {Input: 1, Packet: 9}}}
	if got, want := report.Conflict(&c), "conntrack ct.txt line 3 says 8080; packets say 9090 (input:packet 0:4 1:9)"; got != want {
		t.Errorf("Conflict = %q, want %q", got, want)
	}
	c.Source.Line, c.Shown = 1, c.Shown[:1]
	if got, want := report.Conflict(&c), "conntrack ct.txt line 1 says 8080; packets say 9090 (input:packet 0:4)"; got != want {
		t.Errorf("Conflict of one packet = %q, want %q", got, want)
	}
	c.Source.Line, c.Shown = 0, nil
	if got, want := report.Conflict(&c), "conntrack ct.txt says 8080; packets say 9090"; got != want {
		t.Errorf("Conflict without line and packets = %q, want %q", got, want)
	}
}
