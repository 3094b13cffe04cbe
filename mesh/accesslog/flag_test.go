package accesslog_test

import (
	"slices"
	"testing"
)

// Flags are as Envoy writes them in short, without what is none.
func TestFlags(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want []string
	}{
		{"-", nil}, {"", nil}, {",", nil}, {"-,-", nil}, {"UF", []string{"UF"}}, {"UF,,URX,", []string{"UF", "URX"}}, {"UF,-", []string{"UF"}},
		{"UpstreamConnectionFailure,DC", []string{"UF", "DC"}}, {"DownstreamConnectionTermination", []string{"DC"}}, {"NoHealthyUpstream,NoRouteFound", []string{"UH", "NR"}},
	} {
		t.Run(tc.in, func(t *testing.T) {
			if got := parsed(t, "%DURATION% %RESPONSE_FLAGS%", "5 "+tc.in).Flags; !slices.Equal(got, tc.want) || (got == nil) != (tc.want == nil) {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}
