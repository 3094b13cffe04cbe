package accesslog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
)

// When a line of ztunnel was written and how long its connection took tell when
// it began.
func TestZtunnelStarts(t *testing.T) {
	const written = "2024-04-19T16:31:53.568836Z"
	day, err := time.Parse(time.RFC3339Nano, written)
	if err != nil {
		t.Fatal(err)
	}
	at := capture.TimeOf(day)
	for _, tc := range []struct {
		name, duration string
		start          capture.Time // 0 if it is not known
	}{
		{"some time", "13ms", at.Add(-13 * ms)}, {"no time", "0ms", at}, {"one millisecond", "1ms", at.Add(-ms)},
		{"not known", "", 0}, {"none", "-", 0}, {"longest that fits", "999999999999ms", at.Add(-999999999999 * ms)}, {"without a unit", "13", at.Add(-13 * ms)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := written + "\tinfo\taccess\tconnection complete\tsrc.addr=10.0.0.1:5"
			object := `{"time":"` + written + `","message":"connection complete","src.addr":"10.0.0.1:5"}`
			if tc.duration != "" {
				text += ` duration="` + tc.duration + `"`
				object = strings.TrimSuffix(object, "}") + `,"duration":"` + tc.duration + `"}`
			}
			for _, line := range []string{text, object} {
				if l := parse(t, line); l.Start != max(tc.start, 0) || (l.Resolution != 0) != (tc.start != 0) {
					t.Errorf("%s: start %d to %d, want %d", line, l.Start, l.Resolution, tc.start)
				}
			}
		})
	}
}
