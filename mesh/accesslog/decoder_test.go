package accesslog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
)

// JSON is read as far as RFC 8259 allows it, and to a bounded depth.
func TestJSONBounds(t *testing.T) {
	nested := func(open, inner, close string, n int) string {
		return `{"duration":7,"a":` + strings.Repeat(open, n) + inner + strings.Repeat(close, n) + "}"
	}
	for _, tc := range []struct {
		name, in string
		ok       bool
	}{
		{"space all around", " {\t\"duration\"\r:\n7 } ", true}, {"space before an end", `{"duration":7 ,"a":1 }`, true},
		{"all words", `{"duration":7,"a":true,"b":false,"c":null}`, true}, {"a word that is none", `{"duration":7,"a":nul}`, false}, {"two words", `{"duration":7,"a":true false}`, false},
		{"numbers", `{"duration":7,"a":-1.5e+3,"b":0.5,"c":1E9}`, true}, {"a number that is none", `{"duration":7,"a":1-}`, false}, {"signs", `{"duration":7,"a":--1}`, false},
		{"fifteen objects below", nested(`{"a":`, "1", "}", 15), true}, {"sixteen objects below", nested(`{"a":`, "1", "}", 16), false},
		{"fifteen arrays", nested("[", "1", "]", 15), true}, {"sixteen arrays", nested("[", "1", "]", 16), false},
		{"objects in arrays", nested(`[{"a":`, "1", "}]", 7), true}, {"too many objects in arrays", nested(`[{"a":`, "1", "}]", 8), false},
		{"an empty array", `{"duration":7,"a":[ ]}`, true}, {"an empty object", `{"duration":7,"a":{ }}`, true},
		{"cut in a number", `{"duration":7`, false}, {"cut in a word", `{"duration":tru`, false}, {"cut behind a key", `{"duration"`, false}, {"cut behind a colon", `{"duration":`, false}, {"cut behind a colon and space", `{"duration": `, false},
		{"cut behind a comma", `{"duration":7,`, false}, {"cut in a string", `{"duration":7,"a":"x`, false}, {"cut in an escape", `{"duration":7,"a":"x\`, false}, {"cut behind an escape", `{"duration":7,"a":"x\"`, false}, {"cut further behind an escape", `{"duration":7,"a":"x\"y`, false},
		{"cut in an array", `{"duration":7,"a":[`, false}, {"cut behind an element", `{"duration":7,"a":[1`, false}, {"no comma", `{"duration":7,"a":[1 2]}`, false},
		{"too few digits", `{"duration":7,"a":"\u12"}`, false}, {"too few digits of a pair", `{"duration":7,"a":"\ud83d\u1"}`, false}, {"digits that are none", `{"duration":7,"a":"\u12g4"}`, false}, {"an unknown escape", `{"duration":7,"a":"\x41"}`, false},
		{"all escapes", `{"duration":7,"a":"\"\\\/\b\f\n\r\t\u0041"}`, true}, {"more behind it", `{"duration":7} x`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, l := format(t, `{"duration":"%DURATION%","a":"%FOO%"}`), new(accesslog.Line)
			if err := f.Parse(tc.in, l); (err == nil) != tc.ok || tc.ok && l.Duration != 7*ms {
				t.Errorf("%v, duration %d", err, l.Duration)
			}
		})
	}
}

// A key means in each object what it means there, wherever else it stands.
func TestJSONKeysOfObjects(t *testing.T) {
	l := parsed(t, `{"a":"%DURATION%","b":{"a":"%ROUTE_NAME%","c":"%BYTES_SENT%"},"c":"%BYTES_RECEIVED%"}`, `{"a":7,"b":{"a":"r","c":1},"c":2}`)
	if l.Duration != 7*ms || l.Route != "r" || l.BytesSent != 1 || l.BytesReceived != 2 {
		t.Errorf("duration %d, route %q, %d bytes sent, %d received", l.Duration, l.Route, l.BytesSent, l.BytesReceived)
	}
}

// Strings of JSON are as encoding/json has them.
func TestJSONStrings(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{`a`, "a"}, {`\u0041\u0042`, "AB"}, {`\u00e9`, "é"}, {`\u00E9`, "é"}, {`\ud83d\ude00`, "😀"}, {`\ud83d`, "\ufffd"}, {`\ude00\ud83d`, "\ufffd\ufffd"},
		{`\ud83d\u0041`, "\ufffdA"}, {`\ud83dabde00`, "\ufffdabde00"}, {`\ud83d\n`, "\ufffd\n"}, {`\"\\\/`, `"\/`}, {`x\by\fz`, "x\by\fz"}, {`\n\r\t`, "\n\r\t"}, {`a\\`, `a\`}, {`\u0000`, "\x00"},
	} {
		t.Run(tc.in, func(t *testing.T) {
			if got := parsed(t, `{"k":"%ROUTE_NAME%"}`, `{"k":"`+tc.in+`"}`).Route; got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// Whole numbers may be written as floats, up to those that a float holds exactly.
func TestJSONNumbers(t *testing.T) {
	const none = -2
	for _, tc := range []struct {
		in   string
		want int64
	}{
		{"0", 0}, {"0.0", 0}, {"8.0", 8}, {"1e3", 1000}, {`"8"`, 8}, {`"8.0"`, 8}, {"null", -1}, {`""`, -1}, {`"-"`, -1},
		{"9007199254740992.0", 1 << 53}, {"9007199254740994.0", none}, {"0.5", none}, {"-1", none}, {"-0.5", none}, {"true", none}, {"1e400", none},
	} {
		t.Run(tc.in, func(t *testing.T) {
			if tc.want == none {
				rejected(t, `{"k":"%BYTES_SENT%"}`, `{"k":`+tc.in+`}`)
				return
			}
			if got := parsed(t, `{"k":"%BYTES_SENT%"}`, `{"k":`+tc.in+`}`).BytesSent; got != tc.want {
				t.Errorf("%d, want %d", got, tc.want)
			}
		})
	}
}

// In JSON of unknown format a key counts most at the top, and there the last;
// below, the first counts.
func TestLooseJSONDepth(t *testing.T) {
	const start = `"start_time":"2022-04-01T03:23:12.736Z",`
	for _, tc := range []struct {
		in   string
		want time.Duration // milliseconds
	}{
		{`{` + start + `"duration":1,"duration":2}`, 2}, {`{` + start + `"duration":1,"a":{"duration":2}}`, 1}, {`{` + start + `"a":{"duration":2},"duration":1}`, 1},
		{`{` + start + `"a":{"duration":2},"b":{"duration":3}}`, 2}, {`{` + start + `"duration":null,"a":{"duration":2}}`, 2},
		{`{` + start + `"a":[{"duration":2}]}`, 2}, {`{` + start + `"duration":{"duration":2}}`, 2},
	} {
		t.Run(tc.in, func(t *testing.T) {
			if l := parse(t, tc.in); l.Duration != tc.want*ms {
				t.Errorf("%v, want %d ms", l.Duration, tc.want)
			}
		})
	}
}
