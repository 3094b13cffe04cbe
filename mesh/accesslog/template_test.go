package accesslog_test

import (
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
)

// Where a value ends if it may contain what ends it.
func TestValueEnds(t *testing.T) {
	agent := func(l *accesslog.Line) string { return l.UserAgent }
	route := func(l *accesslog.Line) string { return l.Route }
	for _, tc := range []struct {
		name, format, in string
		get              func(*accesslog.Line) string
		want             string
	}{
		{"two blanks", "%REQ(USER-AGENT)% %DURATION%", "a  5", agent, "a "},
		{"a blank at once", "%REQ(USER-AGENT)% %DURATION%", "  5", agent, " "},
		{"empty at the start", "%REQ(USER-AGENT)% %DURATION%", " 5", agent, ""},
		{"empty at the start, and a value with blanks", "%REQ(:METHOD)% %REQ(USER-AGENT)% %DURATION%", " a b 5", agent, "a b"},
		{"empty at the end", "%DURATION% %ROUTE_NAME%", "5 ", route, ""},
		{"long at the end", "%DURATION% %ROUTE_NAME%", "5 " + strings.Repeat("r", 200), route, strings.Repeat("r", 200)},
		{"long at the end, with text behind", "%DURATION% %ROUTE_NAME%]", "5 " + strings.Repeat("r", 200) + "]", route, strings.Repeat("r", 200)},
		{"many blanks", "%REQ(USER-AGENT)% %DURATION%", strings.Repeat("a ", 50) + "5", agent, strings.TrimSuffix(strings.Repeat("a ", 50), " ")},
		{"as many blanks as are tried", "%REQ(USER-AGENT)% %DURATION%", strings.Repeat("a ", 65) + "5", agent, strings.TrimSuffix(strings.Repeat("a ", 65), " ")},
		{"two values side by side", `{"k":"%REQ(USER-AGENT)%%ROUTE_NAME%"}`, `{"k":"ab"}`, route, "ab"},
		{"a value behind text", `{"k":"x%REQ(USER-AGENT)%"}`, `{"k":"xab"}`, agent, "ab"},
		{"a value before text", `{"k":"%REQ(USER-AGENT)%x"}`, `{"k":"abx"}`, agent, "ab"},
		{"blanks in a part of a key", `{"k":"%REQ(USER-AGENT)% %DURATION%"}`, `{"k":"a b 5"}`, agent, "a b"},
		{"a constant that is another", `{"c":"text","k":"%REQ(USER-AGENT)%"}`, `{"c":"other","k":"ab"}`, agent, "ab"},
		{"a key twice", `{"k":"%REQ(USER-AGENT)%"}`, `{"k":"a","k":"b"}`, agent, "b"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.get(parsed(t, tc.format, tc.in)); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// What cannot be a value, wherever it ends.
func TestNoValues(t *testing.T) {
	const method, details = "%REQ(:METHOD)%", "%RESPONSE_CODE_DETAILS%"
	for _, tc := range []struct{ format, in string }{
		{"[" + method + "] x", `["G] x`}, {"[" + method + "] x", "[ G] x"}, {"[" + method + "] x", "[G ] x"}, {"[" + method + "] x", `[G"] x`},
		{"[" + details + "] x", `["a] x`}, {"[" + details + "] x", `[a"] x`},
		{`"` + method + ` %DURATION%"`, `"a b 5"`}, {`%DURATION% ` + method + `"`, `5 a b"`},
		{"%REQ(USER-AGENT)% %DURATION%", strings.Repeat("a ", 66) + "5"}, // it is tried at 65 lengths only
		{"x " + method, "y GET"}, {method + " x", "GET y"}, {method + " x", "GET x "},
	} {
		t.Run(tc.in[:min(len(tc.in), 20)], func(t *testing.T) { rejected(t, tc.format, tc.in) })
	}
}
