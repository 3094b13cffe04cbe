package names_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/names"
)

func TestRole(t *testing.T) {
	for r, want := range map[names.Role]string{names.Direct: "direct", names.App: "app", names.Upstream: "upstream"} {
		if got := r.String(); got != want {
			t.Errorf("role %d is %q, want %q", r, got, want)
		}
	}
	if got := new(names.Lookup).Role; got != names.Direct {
		t.Errorf("a lookup of which nothing is known is %v", got)
	}
}
