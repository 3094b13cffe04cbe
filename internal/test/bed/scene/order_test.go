//go:build linux

package scene_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/scene"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// The truth of real proxies comes from their own logs: tshark, with the keys, reads
// the same requests in the same order on every leg.
func TestOrder(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("needs tshark")
	}
	for _, s := range scene.Shipped() {
		if !s.Envoy {
			continue
		}
		known, err := truth.Read(truth.Path(shipped, s.Name))
		if err != nil {
			t.Fatal(err)
		}
		t.Run(s.Name, func(t *testing.T) {
			n := 0
			for _, sealed := range []bool{false, true} {
				for at, got := range requests(t, known, sealed) {
					n += compareOrder(t, known, sealed, at, got)
				}
			}
			if want := numbered(known); n != want {
				t.Errorf("%d legs with requests were read, want %d", n, want)
			}
		})
	}
}

// requests are the targets that tshark reads at the points of a scenario, by point
// and tuple.
func requests(t *testing.T, known *truth.Truth, sealed bool) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, f := range known.Files {
		args := []string{"-n", "-r", filepath.Join(shipped, f.Name), "-Y", "http.request", "-T", "fields",
			"-e", "ip.src", "-e", "tcp.srcport", "-e", "ip.dst", "-e", "tcp.dstport", "-e", "http.request.uri"}
		if sealed {
			args = append(args, "-d", "tcp.port==8080,tls", "-o", "tls.keylog_file:"+filepath.Join(shipped, known.Keys))
		}
		text, err := exec.Command("tshark", args...).Output()
		if err != nil {
			t.Fatalf("tshark: %v", err)
		}
		for line := range strings.Lines(string(text)) {
			if x := strings.Fields(line); len(x) == 5 {
				at := f.Pod + "/" + f.Interface + " " + x[0] + ":" + x[1] + " " + x[2] + ":" + x[3]
				out[at] = append(out[at], strings.Split(x[4], ",")...)
			}
		}
	}
	return out
}

// compareOrder holds what was read at one point against the leg that it is of, and
// returns how many legs that tells of.
func compareOrder(t *testing.T, known *truth.Truth, sealed bool, at string, got []string) int {
	t.Helper()
	for i := range known.Legs {
		l := &known.Legs[i]
		if l.Encrypted != sealed || !slices.ContainsFunc(l.Points, func(p string) bool { return at == p+" "+l.OrigSrc+" "+l.ReplySrc }) {
			continue
		}
		if want := targets(known, l); !slices.Equal(got, want) {
			t.Errorf("%s: %s\nread %v\nwant %v", l.ID, at, got, want)
		}
		return 1
	}
	return 0
}

// numbered counts the places at which legs with exchanges can be seen.
func numbered(known *truth.Truth) (n int) {
	for i := range known.Legs {
		if l := &known.Legs[i]; len(targets(known, l)) > 0 {
			n += len(l.Points)
		}
	}
	return n
}

// targets lists what was asked on a leg.
func targets(known *truth.Truth, l *truth.Leg) []string {
	var out []string
	put := func(leg string, i int, target string) {
		if leg != l.ID || i < 0 {
			return
		}
		for len(out) <= i {
			out = append(out, "")
		}
		out[i] = target
	}
	for _, k := range known.Links {
		put(k.From, k.FromExchange, k.Target)
		put(k.To, k.ToExchange, k.Target)
	}
	return out
}
