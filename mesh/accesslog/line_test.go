package accesslog_test

import (
	"fmt"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
)

// A line is about a request if it says anything of one; else about a connection
// if its format would have said so.
func TestKinds(t *testing.T) {
	for _, tc := range []struct {
		format, in string
		want       accesslog.Kind
	}{
		{"%REQ(:METHOD)%", "GET", accesslog.HTTP}, {"%REQ(:METHOD)%", "-", accesslog.TCP},
		{"%REQ(:PATH)%", "/", accesslog.HTTP}, {"%REQ(:PATH)%", "-", accesslog.Unknown},
		{"%PROTOCOL%", "HTTP/2", accesslog.HTTP}, {"%PROTOCOL%", "-", accesslog.TCP},
		{"%REQ(X-REQUEST-ID)%", "id", accesslog.HTTP}, {"%REQ(X-REQUEST-ID)%", "-", accesslog.Unknown},
		{"%REQ(:AUTHORITY)%", "a", accesslog.HTTP}, {"%REQ(:AUTHORITY)%", "-", accesslog.Unknown},
		{"%RESPONSE_CODE%", "200", accesslog.HTTP}, {"%RESPONSE_CODE%", "1", accesslog.HTTP}, {"%RESPONSE_CODE%", "0", accesslog.TCP}, {"%RESPONSE_CODE%", "-", accesslog.TCP},
		{"%REQ(USER-AGENT)%", "curl", accesslog.Unknown},
	} {
		t.Run(tc.format+" "+tc.in, func(t *testing.T) {
			l := parsed(t, "%DURATION% "+tc.format, "5 "+tc.in)
			if l.Kind != tc.want || l.TCP() != (tc.want == accesslog.TCP) {
				t.Errorf("%s, TCP %v; want %s", l.Kind, l.TCP(), tc.want)
			}
		})
	}
	if l := parse(t, ztunnelReadme); !l.TCP() {
		t.Errorf("a line of ztunnel, %s, is of no connection", l.Kind)
	}
}

func TestKindNames(t *testing.T) {
	for k, want := range []string{"unknown", "http", "tcp", "ztunnel", "unknown", "unknown"} {
		if got := fmt.Sprint(accesslog.Kind(k)); got != want {
			t.Errorf("kind %d is %s, want %s", k, got, want)
		}
	}
}
