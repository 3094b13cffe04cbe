package accesslog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
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

// Of what never came as far as to be counted, ztunnel writes less: the ends, the direction
// and why. Its errors may hold the words of other messages.
func TestZtunnelFailed(t *testing.T) {
	const written = "2026-11-29T22:39:50.163410Z"
	day, err := time.Parse(time.RFC3339Nano, written)
	if err != nil {
		t.Fatal(err)
	}
	const ends = "src.addr=10.244.1.10:50436 dst.addr=10.96.10.1:81 direction=\"outbound\""
	for _, tc := range []struct{ name, line, text string }{
		{"text", written + "\twarn\taccess\tconnection failed\t" + ends + ` error="no healthy upstream: 10.96.10.1:81"`, "no healthy upstream: 10.96.10.1:81"},
		{"old text", written + "  WARN access: connection failed " + ends + ` error="no healthy upstream: 10.96.10.1:81"`, "no healthy upstream: 10.96.10.1:81"},
		{"its own words in the error", written + "\terror\taccess\tconnection complete\t" + ends + ` error="connection failed: Connection refused (os error 111)"`, "connection failed: Connection refused (os error 111)"},
		{"and the other way round", written + "\twarn\taccess\tconnection failed\t" + ends + ` error="no connection complete src.addr=1"`, "no connection complete src.addr=1"},
		{"JSON", `{"level":"warn","time":"` + written + `","scope":"access","message":"connection failed","src.addr":"10.244.1.10:50436","dst.addr":"10.96.10.1:81","direction":"outbound","error":"no healthy upstream"}`, "no healthy upstream"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := parse(t, tc.line)
			if l.Kind != accesslog.Ztunnel || l.Error != tc.text || l.DownstreamRemote.String() != "10.244.1.10:50436" || l.UpstreamHost.String() != "10.96.10.1:81" {
				t.Errorf("%s from %v to %v: %q, want %q", l.Kind, l.DownstreamRemote, l.UpstreamHost, l.Error, tc.text)
			}
			if l.Start != capture.TimeOf(day) || l.Duration != -1 || l.BytesSent != -1 || l.BytesReceived != -1 {
				t.Errorf("start %v, duration %v, %d and %d bytes; want when it was written, and nothing else", l.Start, l.Duration, l.BytesSent, l.BytesReceived)
			}
		})
	}
}
