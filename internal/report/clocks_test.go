package report_test

import (
	"io"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// What is told of clocks: one line a pod, none of one that may be right.
func TestClocks(t *testing.T) {
	b := &mesh.Clock{Against: "a", Known: true, Offset: 421100 * time.Microsecond, Error: 4 * time.Microsecond, Connections: 2}
	r := &mesh.Result{Inputs: []mesh.InputInfo{
		{Pod: "a"}, {Pod: "a", Name: "a-any.pcap", OwnClock: &mesh.Clock{Against: "a-eth0.pcap", Known: true, Offset: -time.Second, Error: time.Microsecond, Connections: 1}},
		{Pod: "b", Clock: b}, {Pod: "b", Clock: b},
		{Pod: "c", Clock: &mesh.Clock{Against: "a", Known: true, Connections: 7}},
		{Pod: "d", Clock: &mesh.Clock{Against: "a", Known: true, Offset: -time.Hour, Error: time.Millisecond, Drift: -49.6e-6, Connections: 1, Steps: []capture.Time{capture.Time(at(5)), capture.Time(at(9))}}},
		{Pod: "e", Clock: &mesh.Clock{Against: "a"}},
		{Pod: "f", Clock: &mesh.Clock{Against: "a", Contradicts: []string{"a", "c"}}},
		{Pod: "g", Clock: &mesh.Clock{Against: "a", Known: true, Connections: 1, Contradicts: []string{"h"}}},
	}}
	check(t, `clock of a-any.pcap: -1000.000 ms ± 0.001 against a-eth0.pcap, 1 connection
clock of pod b: +421.100 ms ± 0.004 against a, 2 connections
clock of pod d: -3600000.000 ms ± 1.000 against a, 1 connection, drift -50 ppm, set at 12:00:00.005, 12:00:00.009
clock of pod e: unknown against a, they share no connection; nothing is joined between them by time
clock of pod f: unknown against a, what it shares with a and c contradicts itself; nothing is joined between them by time
clock of pod g: +0.000 ms ± 0.000 against a, 1 connection; what it shares with h contradicts that, and is not used
`, func(w io.Writer) error { return report.Clocks(w, r) })
}
