package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
)

func TestParsePorts(t *testing.T) {
	for _, tc := range []struct {
		in, want string
	}{
		{"80", "[80]"}, {" 80 ,1,65535", "[80 1 65535]"}, {"0", ""}, {"65536", ""}, {"x", ""}, {"-1", ""}, {"", ""},
	} {
		got, err := parsePorts(strings.Split(tc.in, ","))
		if (err != nil) != (tc.want == "") || err == nil && fmt.Sprint(got) != tc.want {
			t.Errorf("%q: %v, %v; want %s", tc.in, got, err, tc.want)
		}
	}
	if got, err := parsePorts(nil); got != nil || err != nil {
		t.Errorf("of none: %v, %v", got, err)
	}
}

func TestParseAddrs(t *testing.T) {
	got, err := parseAddrs([]string{" 10.0.0.1", "fd00::1 "})
	if err != nil || fmt.Sprint(got) != "[10.0.0.1 fd00::1]" {
		t.Errorf("%v, %v", got, err)
	}
	for _, in := range []string{"x", "10.0.0.1:80", "10.0.0.0/8", ""} {
		if _, err := parseAddrs([]string{"10.0.0.1", in}); err == nil {
			t.Errorf("%q is read", in)
		}
	}
}

// Capture commands are asked for by any of their flags, and need the pod and the
// direction.
func TestAdviceCommandLines(t *testing.T) {
	for _, tc := range []struct {
		name, args string
		status     int
		want       string // in stdout, or in stderr if the status is not 0
	}{
		{"inbound", "--pod-ip 10.0.0.1 --port 80 inbound", 0, "dst host 10.0.0.1 and dst port (80 or 15006"}, {"outbound", "--pod-ip 10.0.0.1 outbound", 0, "tcp and host 10.0.0.1 and not port"}, {"to a service", "--pod-ip 10.0.0.1 --service 10.96.0.1 outbound", 0, "src host 10.96.0.1"},
		{"to endpoints", "--pod-ip 10.0.0.1 --endpoint-port 9080 outbound", 0, "dst port (9080 or 15008)"}, {"of another mesh", "--pod-ip 10.0.0.1 --port 80 --mesh linkerd inbound", 0, "4143"}, {"as JSON", "--pod-ip 10.0.0.1 --port 80 -o json inbound", 0, `{"version":1,`}, {"an interface", "--pod-ip 10.0.0.1 --port 80 -i net1 inbound", 0, "-i net1"},
		{"no pod, a port", "--port 80 inbound", 2, "need the address of the pod"}, {"no pod, a service", "--service 10.0.0.1 outbound", 2, "need the address of the pod"}, {"no pod, an endpoint", "--endpoint-port 80 outbound", 2, "need the address of the pod"},
		{"no direction", "--pod-ip 10.0.0.1 --port 80", 2, "say inbound"}, {"another direction", "--pod-ip 10.0.0.1 --port 80 both", 2, "say inbound"}, {"two directions", "--pod-ip 10.0.0.1 --port 80 inbound outbound", 2, "say inbound"},
		{"no port", "--pod-ip 10.0.0.1 inbound", 2, "no port of the application given"}, {"a port that is none", "--pod-ip 10.0.0.1 --port 0 inbound", 2, `port "0"`}, {"an endpoint that is none", "--pod-ip 10.0.0.1 --endpoint-port x outbound", 2, `port "x"`},
		{"an address that is none", "--pod-ip x --port 80 inbound", 2, `address "x"`}, {"a service that is none", "--pod-ip 10.0.0.1 --service x outbound", 2, `address "x"`}, {"an interface that is none", "--pod-ip 10.0.0.1 --port 80 -i a;b inbound", 2, `interface "a;b"`}, {"no interface", "--pod-ip 10.0.0.1 --port 80 --interface= inbound", 2, `interface ""`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, out, errs := invoke("", append([]string{"filter"}, strings.Fields(tc.args)...)...)
			said := out
			if status != 0 {
				said = errs
			}
			if status != tc.status || !strings.Contains(said, tc.want) {
				t.Errorf("status %d, %q; want %d, %q", status, said, tc.status, tc.want)
			}
		})
	}
}

// An expression is that of the command line, or else of standard input.
func TestReadExpression(t *testing.T) {
	for _, tc := range []struct {
		name, stdin string
		args        []string
		want        string
	}{
		{"words", "x", []string{"net", "10.0.0.0/8"}, "net 10.0.0.0/8"}, {"one word", "x", []string{"tcp"}, "tcp"}, {"standard input", "tcp\nport 80\n", nil, "tcp\nport 80"}, {"standard input by name", "tcp", []string{"-"}, "tcp"}, {"- among words", "x", []string{"-", "tcp"}, "- tcp"}, {"nothing", "", nil, ""},
		{"longest", strings.Repeat("x", 1<<20), nil, strings.Repeat("x", 1<<20)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := readExpression(strings.NewReader(tc.stdin), tc.args); err != nil || got != tc.want {
				t.Errorf("%.40q, %v; want %.40q", got, err, tc.want)
			}
		})
	}
	if _, err := readExpression(strings.NewReader(strings.Repeat("x", 1<<20+1)), nil); err == nil || exitStatus(err) != 2 {
		t.Errorf("too long: error %v", err)
	}
	if _, err := readExpression(iotest.ErrReader(errors.New("broken")), nil); err == nil || err.Error() != "standard input: broken" {
		t.Errorf("error %v", err)
	}
}
