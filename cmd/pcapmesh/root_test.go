package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh"
)

func TestPaint(t *testing.T) {
	if got := paint("x", red, false) + paint("x", red, true); got != "x\x1b[31mx\x1b[0m" {
		t.Errorf("%q", got)
	}
}

func TestColored(t *testing.T) {
	file, err := os.Open(os.DevNull) // a file, and no terminal
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for color, want := range map[string]bool{"always": true, "never": false, "auto": false} {
		for _, w := range []interface{ Write([]byte) (int, error) }{file, new(bytes.Buffer)} {
			if got := (&options{color: color}).colored(w); got != want {
				t.Errorf("%s: %v, want %v", color, got, want)
			}
		}
	}
	if isTerminal(file) || isTerminal(strings.NewReader("")) {
		t.Error("what is no terminal is one")
	}
}

// What a command line that is none is answered.
func TestCommandLines(t *testing.T) {
	for _, tc := range []struct {
		name, args string
		status     int
		stdout     string // its beginning
		stderr     string
	}{
		{"none", "", 0, "Join TCP conversations", ""}, {"help", "--help", 0, "Join TCP conversations", ""}, {"no command", "nosuch", 2, "", "pcapmesh: unknown command nosuch\nhint: pcapmesh --help lists the commands\n"}, {"a typing error", "stich", 2, "", "pcapmesh: unknown command stich\nhint: did you mean pcapmesh stitch?\n"},
		{"an unknown flag", "flows --nosuch", 2, "", "pcapmesh: unknown flag: --nosuch\nhint: pcapmesh --help\n"}, {"a word that is none", "flows -o xml", 2, "", "pcapmesh: invalid argument \"xml\""}, {"no captures", "flows", 2, "", "pcapmesh: no captures given\nhint: pcapmesh stitch eth0.pcap lo.pcap\n"}, {"no file", "flows nosuch.pcap", 1, "", "pcapmesh: "},
		{"no stream", "follow a.pcap", 2, "", "pcapmesh: no stream given\nhint: pcapmesh follow --stream 0 eth0.pcap lo.pcap\n"}, {"secrets in classic pcap", "stitch --embed-keys -w a.b.pcap x", 2, "", "pcapmesh: --embed-keys: classic pcap has no place for secrets\nhint: -w a.b.pcapng\n"}, {"in color", "--color always flows", 2, "", "\x1b[31mpcapmesh:\x1b[0m no captures given\n\x1b[36mhint:\x1b[0m pcapmesh stitch eth0.pcap lo.pcap\n"},
		{"ports", "ports 15001", 0, "PORT ", ""}, {"ports as JSON", "ports -o json 15001", 0, `{"version":1,`, ""}, {"ports as CSV", "ports -o csv 15001", 0, "PORT,", ""}, {"no port of the mesh", "ports 80", 2, "", "pcapmesh: port 80: none of Istio sidecar\n"}, {"no port", "ports x", 2, "", "pcapmesh: port x: not a port number\n"}, {"a port too large", "ports 65536", 2, "", "pcapmesh: port 65536: not a port number\n"}, {"two ports", "ports --mesh linkerd 4143 4140", 0, "PORT ", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, out, errs := invoke("", strings.Fields(tc.args)...)
			if status != tc.status || !strings.HasPrefix(out, tc.stdout) || (tc.stdout == "") != (out == "") || !strings.HasPrefix(errs, tc.stderr) || (tc.stderr == "") != (errs == "") {
				t.Errorf("status %d, %.200q, %q", status, out, errs)
			}
		})
	}
}

// closed is an output whose reader went away.
type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, fmt.Errorf("write: %w", syscall.EPIPE) }

// A reader that went away is no error.
func TestReaderWentAway(t *testing.T) {
	var errs bytes.Buffer
	if status := run(t.Context(), []string{"ports"}, strings.NewReader(""), closed{}, &errs); status != 0 || errs.Len() != 0 {
		t.Errorf("status %d, %s", status, errs.String())
	}
}

// What is interrupted says nothing and leaves nothing.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	for _, args := range [][]string{{"flows"}, {"stitch", "-w", filepath.Join(dir, "out.pcapng")}, {"follow", "--stream", "0"}} {
		var out, errs bytes.Buffer
		status := run(ctx, append(args, "../../testdata/pcaps/inbound-plain-eth0.pcap"), strings.NewReader(""), &out, &errs)
		if left, _ := os.ReadDir(dir); status != 130 || out.Len()+errs.Len() != 0 || len(left) != 0 {
			t.Errorf("%s: status %d, %q, %q, left %v", args[0], status, out.String(), errs.String(), left)
		}
	}
}

func TestOutputHint(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string
	}{
		{mesh.ErrOutputExists, "--force replaces it, -w FILE writes another"}, {fmt.Errorf("x: %w", mesh.ErrOutputIsInput), "-w FILE writes another"}, {errors.New("other"), ""},
	} {
		err := outputHint(tc.err)
		if got := hintOf(err); got != tc.want || !errors.Is(err, tc.err) || err.Error() != tc.err.Error() {
			t.Errorf("%v: hint %q, want %q", err, got, tc.want)
		}
	}
	if got := hintOf(errors.Join(errors.New("a"), errors.New("b"))); got != "" {
		t.Errorf("hint of joined errors: %q", got)
	}
}

func TestClassic(t *testing.T) {
	for name, want := range map[string]bool{"a.pcap": true, "a.cap": true, "a.pcapng": false, "pcap": false, "-": false, "a.pcap.gz": false} {
		if got := (&stitchFlags{output: name}).classic(); got != want {
			t.Errorf("%s: classic %v, want %v", name, got, want)
		}
	}
}

// What was written is named with the command that looks into it.
func TestWritten(t *testing.T) {
	r := &mesh.Result{Inputs: []mesh.InputInfo{{Name: "a"}, {Name: "b"}}}
	for _, tc := range []struct {
		name    string
		f       stitchFlags
		streams int
		want    string // name, next
	}{
		{"a file", stitchFlags{output: "x.pcapng", view: "paths"}, 1, "x.pcapng|pcapmesh follow --stream 0 a b"}, {"nothing in it", stitchFlags{output: "x.pcapng", view: "paths"}, 0, "x.pcapng|"},
		{"standard output", stitchFlags{output: "-", view: "paths"}, 1, "the capture|"}, {"legs", stitchFlags{output: "x.pcapng", view: "legs"}, 1, "x.pcapng|"},
	} {
		w := tc.f.written(r, mesh.Summary{Streams: tc.streams})
		if got := w.Name + "|" + w.Next; got != tc.want || w.Inputs != 2 {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}
