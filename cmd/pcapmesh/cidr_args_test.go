package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/spf13/pflag"
)

// invoke runs a command line with a text as standard input.
func invoke(stdin string, args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = run(context.Background(), args, strings.NewReader(stdin), &out, &errs)
	return status, out.String(), errs.String()
}

func TestOwnFlag(t *testing.T) {
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	fs.StringP("output", "o", "", "")
	fs.BoolP("verbose", "v", false, "")
	for _, tc := range []struct {
		arg  string
		want int
	}{
		{"--output", 2}, {"--output=json", 1}, {"-o", 2}, {"-ojson", 1}, {"-o=json", 1}, {"--verbose", 1}, {"-v", 1}, {"-vo", 1}, {"--verbose=true", 1},
		{"--other", 0}, {"-x", 0}, {"-", 0}, {"--", 0}, {"output", 0}, {"o", 0}, {"", 0}, {"--o", 0}, {"-output", 1},
	} {
		if got := ownFlag(fs, tc.arg); got != tc.want {
			t.Errorf("%q takes %d words, want %d", tc.arg, got, tc.want)
		}
	}
}

func TestIsNetworkWord(t *testing.T) {
	for word, want := range map[string]bool{
		"10.0.0.0/8": true, "10.0.0.1": true, "fd00::/8": true, "10.0.0.0/33": true, "10.0.0.0/": true, "/8,": true, "net": true, "mask": true, "netmask": true, "/": true, "-": true,
		"tcpdump": false, "-v": false, "--cluster-cidr=10.0.0.0/8": false, "": false, "host": false,
	} {
		if got := isNetworkWord(word); got != want {
			t.Errorf("%q: %v, want %v", word, got, want)
		}
	}
}

// Flags are ours up to the first word of a pasted command line.
func TestCidrCommandLines(t *testing.T) {
	const plain, full, object = "192.160.0.0/12\n", "  given       192.168.0.0/12\n", `{"version":1,"networks":[{"given":"192.168.0.0/12"`
	for _, tc := range []struct {
		name, args, want string // how stdout begins, or holds
		status           int
	}{
		{"a network", "192.168.0.0/12", plain, 0}, {"in full", "-v 192.168.0.0/12", full, 0}, {"in full, behind it", "192.168.0.0/12 -v", full, 0}, {"as JSON", "-o json 192.168.0.0/12", object, 0}, {"as JSON, joined", "-ojson 192.168.0.0/12", object, 0},
		{"as JSON, behind it", "192.168.0.0/12 --output=json", object, 0}, {"a pasted -v", "kube-proxy -v 192.168.0.0/12", plain, 0}, {"a pasted -o", "kube-proxy --cluster-cidr=192.168.0.0/12 -o json", plain, 0},
		{"behind --", "-- -v 192.168.0.0/12", plain, 0}, {"two words", "192.168.0.0 mask 255.240.0.0", plain, 0}, {"help", "--help", "Print networks as tcpdump takes them", 0}, {"help behind a network", "10.0.0.0/8 -h", "Print networks as tcpdump takes them", 0},
		{"a flag without its value", "192.168.0.0/12 -o", "", 2}, {"a value that is none", "-o xml 192.168.0.0/12", "", 2}, {"no network", "tcpdump -i eth0", "", 2}, {"no valid one", "10.0.0.0/33", "", 2}, {"one that is not valid", "192.168.0.0/12 10.0.0.0/33", plain, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, out, errs := invoke("", append([]string{"cidr"}, strings.Fields(tc.args)...)...)
			if status != tc.status || !strings.Contains(out, tc.want) || (tc.want == "") != (out == "") || (status == 0) != (errs == "") {
				t.Errorf("status %d, %q, %q; want %d, %q", status, out, errs, tc.status, tc.want)
			}
		})
	}
}

// Without a network they come from standard input, line by line.
func TestCidrOfInput(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		args     []string
		want     string
		status   int
	}{
		{"a list of addresses", "10.0.0.1\n10.0.0.2\n", nil, "10.0.0.1/32\n10.0.0.2/32\n", 0}, {"named", "10.0.0.0/8", []string{"-"}, "10.0.0.0/8\n", 0}, {"bytes that are no text", "\xff10.0.0.0/8\xff\n", nil, "10.0.0.0/8\n", 0},
		{"nothing", "", nil, "", 2}, {"an error in the middle", "10.0.0.0/8\n10.0.0.0/33\n11.0.0.0/8\n", nil, "10.0.0.0/8\n11.0.0.0/8\n", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, out, errs := invoke(tc.in, append([]string{"cidr"}, tc.args...)...)
			if status != tc.status || out != tc.want || (status == 0) != (errs == "") {
				t.Errorf("status %d, %q, %q; want %d, %q", status, out, errs, tc.status, tc.want)
			}
		})
	}
	var out, errs bytes.Buffer
	status := run(t.Context(), []string{"cidr"}, iotest.ErrReader(errors.New("broken")), &out, &errs)
	if status != 1 || errs.String() != "pcapmesh: standard input: broken\n" {
		t.Errorf("status %d, %q", status, errs.String())
	}
}
