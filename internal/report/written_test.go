package report_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh"
)

func TestWritten(t *testing.T) {
	for _, test := range []struct {
		name string
		of   report.Written
		want string
	}{
		{"one of each", report.Written{Summary: mesh.Summary{Streams: 1, Joined: 1, Packets: 1}, Name: "a.pcapng", Inputs: 1},
			"wrote a.pcapng: 1 stream (1 joined, 0 as captured), 1 packet of 1 input."},
		{"all packets count", report.Written{Summary: mesh.Summary{Streams: 5, Joined: 2, Packets: 30, DNS: 4, Other: 3}, Name: "the capture", Inputs: 2},
			"wrote the capture: 5 streams (2 joined, 3 as captured), 37 packets of 2 inputs."},
		{"secrets, and what next", report.Written{Summary: mesh.Summary{Streams: 2}, Name: "a.pcapng", Inputs: 2, EmbedKeys: true, Next: "pcapmesh follow a.pcapng"},
			"wrote a.pcapng: 2 streams (0 joined, 2 as captured), 0 packets of 2 inputs. Secrets of 0 connections are in it. Open it in Wireshark, or: pcapmesh follow a.pcapng"},
	} {
		if got := test.of.String(); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
