package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

const pcaps = "../../testdata/pcaps/"

// Every connection of the scenario, and no other, is opened in the capture.
func TestRun(t *testing.T) {
	var b strings.Builder
	if err := run(&b, pcaps+"any-sll2-any.pcap"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(pcaps + "any-sll2-truth.json")
	if err != nil {
		t.Fatal(err)
	}
	var truth struct {
		Legs []struct {
			OrigSrc string `json:"orig_src"`
			OrigDst string `json:"orig_dst"`
		}
	}
	if err := json.Unmarshal(text, &truth); err != nil {
		t.Fatal(err)
	}
	for _, l := range truth.Legs {
		if want := ": " + l.OrigSrc + " > " + l.OrigDst + "\n"; !strings.Contains(b.String(), want) {
			t.Errorf("missing %q in:\n%s", want, b.String())
		}
	}
	if got := strings.Count(b.String(), "\n"); got != len(truth.Legs) {
		t.Errorf("%d connections, want %d", got, len(truth.Legs))
	}
}
