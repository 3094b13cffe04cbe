package walk_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/rules/walk"
)

func TestOutcome(t *testing.T) {
	for o, want := range map[walk.Outcome]string{
		walk.Untouched: "untouched", walk.Redirected: "redirected", walk.Proxied: "tproxy", walk.Dropped: "dropped", walk.Unknown: "unknown",
	} {
		if got := o.String(); got != want {
			t.Errorf("%d is %q, want %q", o, got, want)
		}
	}
}

func TestPath(t *testing.T) {
	for _, tt := range []struct {
		way  []string
		want string
	}{
		{nil, ""},
		{[]string{"OUTPUT"}, "OUTPUT"},
		{[]string{"OUTPUT", "ISTIO_OUTPUT (rule 9)", "ISTIO_REDIRECT"}, "OUTPUT → ISTIO_OUTPUT (rule 9) → ISTIO_REDIRECT"},
	} {
		tr := walk.Trace{Way: tt.way}
		if got := tr.Path(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
