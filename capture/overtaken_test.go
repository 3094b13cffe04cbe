package capture_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
)

// Of every packet an Input knows whether one before it is stamped later, and when
// that was by the clock that counts.
func TestOvertaken(t *testing.T) {
	for _, tc := range []struct {
		seconds []int
		want    string
	}{
		{[]int{1, 2, 2, 3}, ""},
		{[]int{5}, ""},
		{[]int{1, 5, 4, 5, 6}, "3:5"},
		{[]int{5, 4, 3, 6, 2, 7}, "2:5 3:5 5:6"},
		{[]int{9, 1, 2, 3}, "2:9 3:9 4:9"},
	} {
		var tr pcap.Trace
		for range tc.seconds {
			tr.Conn("10.0.0.1:40000", "10.0.0.2:80").Send("x")
		}
		start := tr.Last(len(tc.seconds) - 1).Time
		for i, s := range tc.seconds {
			tr.Last(len(tc.seconds) - 1 - i).Time = start.Add(time.Duration(s) * time.Second)
		}
		file := tr.PCAP()
		in := capture.NewInput("a.pcap", func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(file)), nil }, nil)
		if _, ok := in.Overtaken(2); ok {
			t.Errorf("%v: known before anything was read", tc.seconds)
		}
		for range 2 { // what is read again changes nothing
			readThrough(t, in)
			if diff := cmp.Diff(tc.want, overtaken(in, start, len(tc.seconds))); diff != "" {
				t.Errorf("%v, -want +got:\n%s", tc.seconds, diff)
			}
		}
		in.SetClock(func(t capture.Time) capture.Time { return t.Add(-time.Hour) })
		if diff := cmp.Diff(tc.want, overtaken(in, start.Add(-time.Hour), len(tc.seconds))); diff != "" {
			t.Errorf("%v by another clock, -want +got:\n%s", tc.seconds, diff)
		}
		in.Close()
	}
}

// overtaken lists of n packets those that are, each with the second by which.
func overtaken(in *capture.Input, start capture.Time, n int) (s string) {
	for p := range n + 2 {
		if by, ok := in.Overtaken(uint32(p)); ok {
			s += fmt.Sprintf(" %d:%d", p, by.Sub(start)/time.Second)
		}
	}
	return s[min(len(s), 1):]
}

func readThrough(t *testing.T, in *capture.Input) {
	t.Helper()
	r, err := in.Reader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, err := range r.Packets() {
		if err != nil {
			t.Fatal(err)
		}
	}
}
