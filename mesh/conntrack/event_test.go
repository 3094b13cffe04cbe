package conntrack_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/conntrack"
)

// Text of -o extended,id,timestamp,ktimestamp is printed byte for byte; of other
// forms, what is printed is read as the same entry.
func TestEventString(t *testing.T) {
	for _, name := range []string{"list-extended.txt", "events-extended.txt"} {
		for line := range strings.Lines(string(sample(t, name))) {
			want, _, _ := strings.Cut(strings.TrimSpace(line), " portid=")
			e := one(t, line)
			if got := strings.TrimSpace(e.String()); got != want {
				t.Errorf("printed %q\nwant    %q", got, want)
			}
		}
	}
}

func TestNAT(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     bool
	}{
		{"plain", "tcp 6 src=1.1.1.1 dst=1.1.1.2 sport=1 dport=2 src=1.1.1.2 dst=1.1.1.1 sport=2 dport=1", false},
		{"redirect", "tcp 6 src=1.1.1.1 dst=1.1.1.2 sport=1 dport=2 src=127.0.0.1 dst=1.1.1.1 sport=15001 dport=1", true},
		{"redirect to the same address", "tcp 6 src=1.1.1.1 dst=1.1.1.2 sport=1 dport=2 src=1.1.1.2 dst=1.1.1.1 sport=15006 dport=1", true},
		{"source", "tcp 6 src=1.1.1.1 dst=1.1.1.2 sport=1 dport=2 src=1.1.1.2 dst=9.9.9.9 sport=2 dport=1", true},
		{"source port", "tcp 6 src=1.1.1.1 dst=1.1.1.2 sport=1 dport=2 src=1.1.1.2 dst=1.1.1.1 sport=2 dport=7", true},
		{"ping", "icmp 1 src=1.1.1.1 dst=1.1.1.2 type=8 code=0 id=7 src=1.1.1.2 dst=1.1.1.1 type=0 code=0 id=7", false},
		{"ping elsewhere", "icmp 1 src=1.1.1.1 dst=1.1.1.2 type=8 code=0 id=7 src=1.1.1.3 dst=1.1.1.1 type=0 code=0 id=7", true},
	} {
		e := one(t, tc.in+"\n")
		if got := e.Entry.NAT(); got != tc.want {
			t.Errorf("%s: NAT = %v, want %v", tc.name, got, tc.want)
		}
	}
}

// What is printed is read as the same event, if it was text; if it was not, what
// text can hold of it. No input makes more events than it has units.
func FuzzReader(f *testing.F) {
	for _, name := range []string{"list-plain.txt", "list-extended.txt", "list-save.txt", "list.xml", "proc.txt", "events-plain.txt", "events-extended.txt", "events-save.txt", "events-killed.xml", "mixed.txt"} {
		for chunk := range slices.Chunk(slices.Collect(strings.Lines(string(sample(f, name)))), 3) {
			f.Add(strings.Join(chunk, ""))
		}
	}
	f.Add("tcp 6 1 A src=::ffff:1.2.3.4 dst=::1 sport=0 dport=1 zone-orig=1 src=::1 dst=::2 sport=0 dport=1 [OFFLOAD] [start=Thu Jan  1 00:00:01 1970] helper=a labels=b")
	f.Fuzz(func(t *testing.T, in string) {
		all, r := readString(t, in)
		malformed, _ := r.Malformed()
		if units := r.Lines() + strings.Count(in, "</flow>"); len(all)+malformed+r.Skipped() > 2*units+1 {
			t.Errorf("%d events, %d malformed, %d skipped of %d units", len(all), malformed, r.Skipped(), units)
		}
		spans := 0
		table := conntrack.NewTable(func(*conntrack.Span) { spans++ })
		for _, e := range all {
			table.Apply(&e)
			printed := e.String()
			again := one(t, printed+"\n")
			if second := again.String(); second != printed {
				t.Fatalf("%q is printed as\n%q", printed, second)
			}
			again.Line = e.Line
			if want := textual(e); again != want {
				t.Fatalf("%q (-want +got):\n%s", printed, cmp.Diff(want, again, values))
			}
		}
		table.Close()
		if spans > len(all) || spans == 0 && len(all) > 0 || table.Len() != 0 {
			t.Errorf("%d spans of %d events, %d entries after Close", spans, len(all), table.Len())
		}
	})
}

// textual returns what text can hold of e.
func textual(e conntrack.Event) conntrack.Event {
	if e.When.Local {
		e.When = conntrack.Stamp{}
	}
	e.Entry.Start, e.Entry.Stop = worded(e.Entry.Start), worded(e.Entry.Stop)
	s := e.Entry.Status & conntrack.SeenReply
	for _, f := range []conntrack.Status{conntrack.HWOffload, conntrack.Offload, conntrack.Assured} {
		if e.Entry.Status&f != 0 {
			s |= f
			break
		}
	}
	e.Entry.Status = s
	return e
}

func worded(s conntrack.Stamp) conntrack.Stamp {
	if s.Time == 0 {
		return conntrack.Stamp{}
	}
	s.Time -= s.Time % 1e9
	s.Local = s.Time != 0
	return s
}
