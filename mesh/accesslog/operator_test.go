package accesslog_test

import (
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
)

// Formats at their limits.
func TestFormatLimits(t *testing.T) {
	const duration = "%DURATION%"
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + `"` + duration + `"` + strings.Repeat("}", n) }
	for _, tc := range []struct {
		name, format string
		ok           bool
	}{
		{"sixty-four operators", strings.Repeat(duration+" ", 64), true}, {"sixty-five", strings.Repeat(duration+" ", 65), false},
		{"longest", duration + strings.Repeat("x", 64<<10-len(duration)), true}, {"too long", duration + strings.Repeat("x", 64<<10-len(duration)+1), false},
		{"sixteen deep", deep(16), true}, {"seventeen deep", deep(17), false},
		{"text alone", `{"a":"text"}`, false}, {"empty text alone", `{"a":""}`, false}, {"empty text too", `{"a":"","b":"` + duration + `"}`, true}, {"an empty object", `{}`, false},
		{"names of all kinds", "%AZ_09% " + duration, true}, {"a name with a slash", "%A/% " + duration, false}, {"a name with a bracket", "%A[% " + duration, false},
		{"a name with an at sign", "%A@% " + duration, false}, {"a name with a back quote", "%A`% " + duration, false}, {"no name", "%% " + duration + " %()%", false},
		{"a length", "%A:5% " + duration, true}, {"no length", "%A:% " + duration, true}, {"a length that is none", "%A:5x% " + duration, false},
		{"an empty argument", "%REQ()% " + duration, true}, {"an argument that is not closed", "%REQ( " + duration, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := accesslog.ParseFormat(tc.format); (err == nil) != tc.ok {
				t.Errorf("%v, want ok: %v", err, tc.ok)
			}
		})
	}
}

// An error shows the first twenty bytes of what it is about.
func TestShownOperator(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"%" + strings.Repeat("X", 19), `"%` + strings.Repeat("X", 19) + `" begins`}, {"%" + strings.Repeat("X", 20), `"%` + strings.Repeat("X", 19) + `…" begins`},
	} {
		if _, err := accesslog.ParseFormat(tc.in); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v, want %s", err, tc.want)
		}
	}
}

// A request id that was cut off ties nothing.
func TestRequestIDLength(t *testing.T) {
	for _, tc := range []struct{ length, want string }{
		{"", "id"}, {":36", "id"}, {":35", ""}, {":0", ""}, {":100", "id"},
	} {
		if l := parsed(t, "%DURATION% %REQ(X-REQUEST-ID)"+tc.length+"%", "5 id"); l.RequestID != tc.want {
			t.Errorf("%s: %q, want %q", tc.length, l.RequestID, tc.want)
		}
	}
}
