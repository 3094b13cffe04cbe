package record_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// Every kind has a name of its own, nouns and files.
func TestKinds(t *testing.T) {
	names := make(map[string]bool)
	for _, k := range record.Kinds() {
		if k.String() == "" || names[k.String()] {
			t.Errorf("kind %d is named %q", k, k)
		}
		names[k.String()] = true
		if k.Count(1) == "1 " || k.Count(2) == "2 " || k.Means() == "" {
			t.Errorf("%s: %q, %q, %q", k, k.Count(1), k.Count(2), k.Means())
		}
		var f record.Files
		f.Add(k, record.File{Name: "a"})
		f.Add(k, record.File{Name: "b", Pod: "p"})
		for _, other := range record.Kinds() {
			var want []record.File
			if other == k {
				want = []record.File{{Name: "a"}, {Name: "b", Pod: "p"}}
			}
			if diff := cmp.Diff(want, f.Of(other)); diff != "" {
				t.Errorf("files of %s after adding to %s, -want +got:\n%s", other, k, diff)
			}
		}
	}
}

func TestCount(t *testing.T) {
	for want, got := range map[string]string{
		"0 entries": record.Conntrack.Count(0), "1 entry": record.Conntrack.Count(1),
		"2 lines": record.AccessLog.Count(2), "1 rule": record.Rules.Count(1), "3 sockets": record.Sockets.Count(3),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Kinds are listed in the order of their constants, with the words that people
// read; rules alone are of a pod as a whole. No kind is zero.
func TestKindsInOrder(t *testing.T) {
	want := []struct {
		kind        record.Kind
		name, means string
		ofPod       bool
	}{
		{record.Conntrack, "conntrack", "a conntrack entry", false},
		{record.AccessLog, "access-log", "a line of an access log in this format", false},
		{record.Rules, "rules", "a firewall rule", true},
		{record.Sockets, "sockets", "a socket", false},
	}
	got := record.Kinds()
	if len(got) != len(want) {
		t.Fatalf("%d kinds, want %d", len(got), len(want))
	}
	for i, w := range want {
		if k := got[i]; k != w.kind || int(k) != i+1 || k.String() != w.name || k.Means() != w.means || k.OfPod() != w.ofPod {
			t.Errorf("kind %d: %d %q, %q, of a pod: %v; want %+v", i, k, k, k.Means(), k.OfPod(), w)
		}
	}
	if got := (record.Source{}).Kind.String(); got != "" {
		t.Errorf("no kind is named %q", got)
	}
}

// Each kind has its own list of files.
func TestFiles(t *testing.T) {
	f := record.Files{
		Conntrack: []record.File{{Name: "c"}}, AccessLogs: []record.File{{Name: "a"}},
		Rules: []record.File{{Name: "r"}}, Sockets: []record.File{{Name: "s"}},
	}
	for k, want := range map[record.Kind]string{record.Conntrack: "c", record.AccessLog: "a", record.Rules: "r", record.Sockets: "s"} {
		if got := f.Of(k); len(got) != 1 || got[0].Name != want {
			t.Errorf("files of %v: %v, want %s", k, got, want)
		}
	}
}
