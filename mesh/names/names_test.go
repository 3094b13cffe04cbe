package names_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/names"
)

// Sources stand in the order in which they count.
func TestSource(t *testing.T) {
	for i, want := range []string{"dns", "sni", "host", "access-log"} {
		s := []names.Source{names.FromDNS, names.FromSNI, names.FromHost, names.FromLog}[i]
		if got := s.String(); got != want || int(s) != i {
			t.Errorf("source %d is %q, want %d, %q", s, got, i, want)
		}
	}
}

// A number without a name is itself.
func TestNoName(t *testing.T) {
	if got := names.Role(99).String() + names.Source(99).String(); got != "9999" {
		t.Errorf("%q", got)
	}
}
