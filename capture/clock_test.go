package capture_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
)

// Readers after SetClock correct all times, and those before do not.
func TestSetClock(t *testing.T) {
	for _, name := range []string{"../testdata/pcaps/outbound-passthrough-lo.pcap", "../testdata/pcaps/dumpcap-both-both.pcapng"} {
		in, err := capture.OpenInput(t.Context(), name, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		before := times(t, in)
		in.SetClock(func(at capture.Time) capture.Time { return at + 77 })
		after := times(t, in)
		if len(before) == 0 || len(after) != len(before) {
			t.Fatalf("%d and %d packets", len(before), len(after))
		}
		for i := range before {
			if after[i] != before[i]+77 {
				t.Fatalf("%s: packet %d: %d after %d", name, i+1, after[i], before[i])
			}
		}
	}
}

// times reads an input to its end.
func times(t *testing.T, in *capture.Input) (all []capture.Time) {
	t.Helper()
	r, err := in.Reader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for p, err := range r.Packets() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p.Time)
	}
	return all
}
