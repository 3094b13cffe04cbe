package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

const pcaps = "../../testdata/pcaps/"

// truth is what this test needs of a scenario's truth.
type truth struct {
	Links []struct {
		Method, Target string
		Status         int
	}
}

func TestRun(t *testing.T) {
	var b strings.Builder
	if err := run(t.Context(), &b, pcaps+"outbound-plain-vip-eth0.pcap", pcaps+"outbound-plain-vip-lo.pcap"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(pcaps + "outbound-plain-vip-truth.json")
	if err != nil {
		t.Fatal(err)
	}
	var want truth
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	var got, expected []string
	hops := 0
	for line := range strings.Lines(b.String()) {
		if _, exchange, ok := strings.Cut(strings.TrimSpace(line), "80  "); ok {
			got = append(got, exchange)
			continue
		}
		hops++
	}
	for _, l := range want.Links {
		expected = append(expected, fmt.Sprintf("%s %s %d", l.Method, l.Target, l.Status))
	}
	slices.Sort(got)
	slices.Sort(expected)
	if !slices.Equal(got, expected) {
		t.Errorf("exchanges:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(expected, "\n"))
	}
	if hops != 2*len(expected) {
		t.Errorf("%d hops of %d exchanges, want two each", hops, len(expected))
	}
	if strings.Contains(b.String(), " 0s") {
		t.Errorf("a hop took no time:\n%s", b.String())
	}
}
