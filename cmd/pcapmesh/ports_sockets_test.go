package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// Who listens, of lists that complete each other, at all ports or some.
func TestListenersOfLists(t *testing.T) {
	const envoy, app = "LISTEN 0 5 0.0.0.0:15006 0.0.0.0:* users:((\"envoy\",pid=17,fd=7))\n", "LISTEN 0 5 0.0.0.0:80 0.0.0.0:* users:((\"app\",pid=1,fd=3))\n"
	other := filepath.Join(t.TempDir(), "other.txt")
	if err := os.WriteFile(other, []byte(app), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, stdin, args string
		status            int
		rows              int // of the table, the header included
		stderr            string
	}{
		{"one", envoy, "--sockets -", 0, 2, ""}, {"two lists", envoy, "--sockets - --sockets " + other, 0, 3, ""}, {"a port", envoy + app, "--sockets - 80", 0, 2, ""}, {"two ports", envoy + app, "--sockets - 80 15006", 0, 3, ""},
		{"nobody listens there", envoy, "--sockets - 80", 2, 0, "pcapmesh: port 80: nobody listens\n"}, {"no port", envoy, "--sockets - x", 2, 0, "pcapmesh: port x: not a port number\n"},
		{"connections only", "ESTAB 0 0 10.0.0.1:80 10.0.0.2:1\n", "--sockets -", 1, 0, "pcapmesh: no listening sockets in -\nhint: ss -ltnpe lists them"}, {"no file", "", "--sockets nosuch", 1, 0, "pcapmesh: open nosuch"}, {"no file, and one", envoy, "--sockets - --sockets nosuch", 1, 2, "pcapmesh: open nosuch"},
		{"a line that is none", envoy + "x\n", "--sockets -", 0, 2, "pcapmesh: -: 1 of 2 lines not understood: line 2: no line of ss, lsof, netstat or /proc/net/tcp\n"}, {"three of them", envoy + "x\nx\nx\n", "--sockets -", 0, 2, "pcapmesh: -: 3 of 4 lines not understood: line 2: no line of ss, lsof, netstat or /proc/net/tcp; line 3:"},
		{"quiet", envoy + "x\n", "-q --sockets -", 0, 2, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, out, errs := invoke(tc.stdin, append([]string{"ports"}, strings.Fields(tc.args)...)...)
			if rows := strings.Count(out, "\n"); status != tc.status || rows != tc.rows || !strings.HasPrefix(errs, tc.stderr) || (tc.stderr == "") != (errs == "") {
				t.Errorf("status %d, %d rows, %q; want %d, %d, %q", status, rows, errs, tc.status, tc.rows, tc.stderr)
			}
		})
	}
	for n, want := range map[int]bool{3: false, 4: true} {
		if _, _, errs := invoke(envoy+strings.Repeat("x\n", n), "ports", "--sockets", "-"); strings.Contains(errs, "and so on") != want {
			t.Errorf("%d lines: %s", n, errs)
		}
	}
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"ports", "--sockets", "-"}, iotest.ErrReader(errors.New("broken")), &out, &errs); status != 1 || errs.String() != "pcapmesh: standard input: broken\n" {
		t.Errorf("status %d, %q", status, errs.String())
	}
	for format, want := range map[string]string{"json": `{"version":1,`, "csv": "PORT,ADDRESS,", "table": "PORT "} {
		if _, out, _ := invoke(envoy, "ports", "--sockets", "-", "-o", format); !strings.HasPrefix(out, want) {
			t.Errorf("%s: %s", format, out)
		}
	}
}

// Lines that look like rules and are none are named, the first ones.
func TestWarnRules(t *testing.T) {
	const good, bad = "*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p tcp -j REDIRECT --to-ports 15001\n", "-A OUTPUT -p tcp --dport\n"
	for n, want := range map[int]string{0: "", 1: "line 5", 4: "more lines of the rules cannot be used"} {
		args := []string{"explain", "--rules", "-", "--pod-ip", "10.0.0.1", "10.0.0.1", "10.0.0.2:80"}
		status, _, errs := invoke(good+strings.Repeat(bad, n)+"COMMIT\n", args...)
		if status != 0 || !strings.Contains(errs, want) || (n == 0) != (errs == "") || n == 1 && strings.Contains(errs, "more lines") {
			t.Errorf("%d lines: status %d, %q", n, status, errs)
		}
		if _, _, errs := invoke(good+strings.Repeat(bad, n)+"COMMIT\n", append(args, "-q")...); errs != "" {
			t.Errorf("%d lines, quiet: %q", n, errs)
		}
	}
}
