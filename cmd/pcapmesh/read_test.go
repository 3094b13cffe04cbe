package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/spf13/cobra"

	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/names"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// input returns what is known of an input of 9 packets.
func input(edit func(*mesh.InputInfo)) mesh.InputInfo {
	in := mesh.InputInfo{Name: "a.pcap", Packets: 9}
	edit(&in)
	return in
}

// What is odd about inputs is said; what is more is an error, and not said twice.
func TestWarn(t *testing.T) {
	cut, bad := errors.New("a.pcap: truncated"), errors.New("a.pcap: corrupt")
	repeated := fmt.Errorf("a.pcap: %w", mesh.ErrRepeated)
	for _, tc := range []struct {
		name    string
		in      mesh.InputInfo
		lookups int
		want    string
	}{
		{"all is well", input(func(*mesh.InputInfo) {}), 0, ""}, {"cut at its end", input(func(in *mesh.InputInfo) { in.Err, in.Truncated = cut, true }), 0, "pcapmesh: a.pcap: truncated; everything before it was read\n"},
		{"corrupt", input(func(in *mesh.InputInfo) { in.Err = bad }), 0, ""}, {"given twice", input(func(in *mesh.InputInfo) { in.Err = repeated }), 0, "pcapmesh: " + repeated.Error() + "\n"},
		{"no packets", input(func(in *mesh.InputInfo) { in.Packets = 0 }), 0, "pcapmesh: a.pcap: no packets\n"}, {"no TCP", input(func(in *mesh.InputInfo) { in.NonTCP = 9 }), 0, "pcapmesh: a.pcap: no TCP in 9 packets\n"}, {"no TCP, but DNS", input(func(in *mesh.InputInfo) { in.NonTCP = 9 }), 1, ""}, {"one packet of TCP", input(func(in *mesh.InputInfo) { in.NonTCP = 8 }), 0, ""},
		{"QUIC", input(func(in *mesh.InputInfo) { in.NonTCP, in.QUIC = 8, 5 }), 0, "pcapmesh: a.pcap: 5 packets of QUIC (UDP port 443) are not followed; switch HTTP/3 off to see these requests as TCP\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := &mesh.Result{Inputs: []mesh.InputInfo{tc.in}, Lookups: make([]*names.Lookup, tc.lookups)}
			var out bytes.Buffer
			if warn(&out, r); out.String() != tc.want {
				t.Errorf("%q, want %q", out.String(), tc.want)
			}
		})
	}
}

// Secrets that were of no use are named: a key log, or those in a capture that
// cannot be read twice.
func TestWarnKeys(t *testing.T) {
	const logs, twice = "pcapmesh: the key logs decrypt no connection", "pcapmesh: - holds secrets, but decrypting reads it twice"
	for _, tc := range []struct {
		name      string
		keyLogs   []string
		file      string
		secrets   int
		decrypted bool
		reread    bool
		want      string
	}{
		{"nothing", nil, "-", 0, false, false, ""}, {"a key log of no use", []string{"keys"}, "a.pcap", 0, false, true, logs}, {"a key log of use", []string{"keys"}, "a.pcap", 0, true, true, ""},
		{"secrets of a pipe", nil, "-", 1, false, false, twice}, {"secrets of a file", nil, "a.pcap", 1, false, false, ""}, {"secrets of a pipe that is kept", nil, "-", 1, false, true, ""}, {"secrets of a pipe, and of use", nil, "-", 1, true, false, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out bytes.Buffer
			cmd := &cobra.Command{}
			cmd.SetErr(&out)
			r := &mesh.Result{Inputs: []mesh.InputInfo{input(func(in *mesh.InputInfo) { in.Name, in.Secrets = tc.file, tc.secrets })}, Legs: []*flow.Leg{{}, {Decrypted: tc.decrypted}}}
			(&inputFlags{keyLogs: tc.keyLogs}).warnKeys(cmd, r, tc.reread)
			if got := out.String(); !bytes.HasPrefix(out.Bytes(), []byte(tc.want)) || (tc.want == "") != (got == "") {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// Ten contradictions are printed, and how many more there are.
func TestWarnRecords(t *testing.T) {
	for _, tc := range []struct {
		n     int
		lines int
		last  string
	}{
		{0, 0, ""}, {1, 1, ""}, {10, 10, ""}, {11, 11, "pcapmesh: 1 more records contradict the packets: -o json lists them\n"}, {30, 11, "pcapmesh: 20 more records contradict the packets: -o json lists them\n"},
	} {
		r := &mesh.Result{Conflicts: make([]record.Conflict, tc.n)}
		var out bytes.Buffer
		warnRecords(&out, r)
		if got := bytes.Count(out.Bytes(), []byte("\n")); got != tc.lines || !bytes.HasSuffix(out.Bytes(), []byte(tc.last)) {
			t.Errorf("%d conflicts: %d lines, want %d:\n%s", tc.n, got, tc.lines, out.String())
		}
	}
	r := &mesh.Result{Records: []record.Info{{File: record.File{Name: "f"}, Kind: record.Conntrack, Lines: 1}}}
	var out bytes.Buffer
	warnRecords(&out, r)
	if got, want := out.String(), "pcapmesh: conntrack f: nothing that is a conntrack entry in 1 line\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Progress is shown on a terminal only; without one it keeps still.
func TestProgressWithoutTerminal(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		p := newProgress(io.Discard, quiet, []mesh.Input{{Name: "nosuch"}})
		p.update(0, 5)
		p.finish()
		if p.bar != nil {
			t.Error("there is a bar")
		}
	}
}
