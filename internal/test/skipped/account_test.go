package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tape writes events as go test -json does. Each is "ACTION PACKAGE TEST OUTPUT",
// a package's own with "-" for the test; anything shorter stands as it is.
func tape(lines ...string) string {
	var out strings.Builder
	for _, line := range lines {
		words := strings.SplitN(line, " ", 4)
		if len(words) < 3 {
			out.WriteString(line + "\n")
			continue
		}
		e := event{Action: words[0], Package: words[1], Test: strings.TrimPrefix(words[2], "-")}
		if len(words) == 4 {
			e.Output = words[3] + "\n"
		}
		text, err := json.Marshal(e)
		if err != nil {
			panic(err)
		}
		out.Write(append(text, '\n'))
	}
	return out.String()
}

func TestReport(t *testing.T) {
	tests := []struct {
		name   string
		events string
		want   string
		passed bool // without -full
		full   bool // with it
	}{
		{
			name: "all passes", passed: true, full: true,
			events: tape("run p TestA", "output p TestA === RUN   TestA", "output p TestA     a_test.go:9: noise", "pass p TestA",
				"output p - PASS", "output p - ok  \tp\t0.1s", "pass p -"),
			want: "ok  \tp\t0.1s\n",
		},
		{
			name:   "a test fails",
			events: tape("output p TestA === RUN   TestA", "output p TestA     a_test.go:9: got 1, want 2", "output p TestB fine", "pass p TestB", "output p TestA --- FAIL: TestA (0.00s)", "fail p TestA", "output p - FAIL\tp\t0.1s", "fail p -"),
			want:   "    a_test.go:9: got 1, want 2\n--- FAIL: TestA (0.00s)\nFAIL\tp\t0.1s\n",
		},
		{
			name:   "a package ends before its tests",
			events: tape("output p TestB in B", "output p TestA in A", "output q TestA of q", "output p - exit status 2", "output p - FAIL\tp\t0.1s", "fail p -"),
			want:   "exit status 2\nin A\nin B\nFAIL\tp\t0.1s\n",
		},
		{
			name:   "a package does not compile",
			events: tape("build-output p - # p", "build-output p - a.go:1: syntax error", "build-fail p -", "output p - FAIL\tp [build failed]", "fail p -"),
			want:   "# p\na.go:1: syntax error\nFAIL\tp [build failed]\n",
		},
		{
			name: "a package without tests", passed: true, full: true,
			events: tape("output p - ?   \tp\t[no test files]", "skip p -", "output q - ok  \tq\t0.1s", "pass q -"),
			want:   "ok  \tq\t0.1s\n",
		},
		{
			name: "skipped for want of a tool", passed: true,
			events: tape("output p TestA     a_test.go:9: needs tshark", "output p TestA --- SKIP: TestA (0.00s)", "skip p TestA",
				"output p TestB     b_test.go:2: needs root: capturing takes CAP_NET_RAW", "skip p TestB",
				"output p TestC/d     a_test.go:9: needs tshark", "skip p TestC/d", "output p - ok  \tp\t0.1s", "pass p -"),
			want: "ok  \tp\t0.1s\nskipped: needs tshark\n\tp TestA\n\tp TestC/d\nskipped: needs root: capturing takes CAP_NET_RAW\n\tp TestB\n",
		},
		{
			name: "skipped script, which says more", passed: true,
			events: tape("output p TestA/man     cmd.go:380: needs man", "output p TestA/man     testscript.go:609: WORK=$WORK", "output p TestA/man         > skip", "skip p TestA/man",
				"output p - ok  \tp\t0.1s"),
			want: "ok  \tp\t0.1s\nskipped: needs man\n\tp TestA/man\n",
		},
		{
			name: "skipped since it is about something else", passed: true, full: true,
			events: tape("output p TestA     a_test.go:8: looked at x", "output p TestA     a_test.go:9: needs a second file", "skip p TestA",
				"output p TestB     a_test.go:9: needs the other", "skip p TestB", "output p TestC     a_test.go:9: needs an end", "skip p TestC",
				"skip p TestD", "output p - ok  \tp\t0.1s"),
			want: "ok  \tp\t0.1s\nskipped: needs a second file\n\tp TestA\nskipped: needs the other\n\tp TestB\nskipped: needs an end\n\tp TestC\n" +
				"skipped: it does not say why\n\tp TestD\n",
		},
		{
			name: "what is no event", passed: true, full: true,
			events: tape("go: downloading", "output p - ok  \tp\t0.1s"), want: "go: downloading\nok  \tp\t0.1s\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for full, want := range map[bool]bool{false: test.passed, true: test.full} {
				var out bytes.Buffer
				passed, err := report(strings.NewReader(test.events), full, &out)
				if err != nil {
					t.Fatal(err)
				}
				if passed != want {
					t.Errorf("full = %v: passed = %v, want %v", full, passed, want)
				}
				if diff := cmp.Diff(out.String(), test.want); diff != "" {
					t.Errorf("- got, + want:\n%s", diff)
				}
			}
		})
	}
}

func TestReportOfNothing(t *testing.T) {
	for _, events := range []string{"", tape("output p - ?   \tp\t[no test files]", "skip p -")} {
		if passed, err := report(strings.NewReader(events), false, new(bytes.Buffer)); passed || err == nil {
			t.Errorf("%q: passed = %v, error = %v, want an error", events, passed, err)
		}
	}
}
