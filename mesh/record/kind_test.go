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
