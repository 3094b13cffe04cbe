//go:build linux

package scene_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/scene"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// tshark counts the packets that the truth says, and sees the SYN of every
// leg, under the tuple that the truth gives it. It starts slowly, so all
// captures are put behind one another and read once.
func TestTshark(t *testing.T) {
	for _, tool := range []string{"tshark", "mergecap"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	var truths []*truth.Truth
	all := filepath.Join(t.TempDir(), "all.pcapng")
	args := []string{"-a", "-w", all}
	for _, s := range scene.Shipped() {
		truth, err := truth.Read(truth.Path(shipped, s.Name))
		if err != nil {
			t.Fatal(err)
		}
		truths = append(truths, truth)
		for _, f := range truth.Files {
			args = append(args, filepath.Join(shipped, f.Name))
		}
	}
	if out, err := exec.Command("mergecap", args...).CombinedOutput(); err != nil {
		t.Fatalf("mergecap: %v: %s", err, out)
	}
	frames := dissect(t, all)
	for _, truth := range truths {
		syns := map[string]int{}
		for _, f := range truth.Files {
			if len(frames) < f.Packets {
				t.Fatalf("%s: %d frames are left, want %d", f.Name, len(frames), f.Packets)
			}
			seen := map[string]int{}
			for _, syn := range frames[:f.Packets] {
				seen[syn]++
			}
			frames = frames[f.Packets:]
			for k, n := range seen {
				syns[k] = max(syns[k], n) // two files may show one point
			}
		}
		delete(syns, "")
		t.Run(truth.Scenario, func(t *testing.T) { compareSYNs(t, truth, syns) })
	}
	if len(frames) > 0 {
		t.Errorf("%d frames more than the truth says", len(frames))
	}
}

// compareSYNs wants one SYN or more per leg and none without.
func compareSYNs(t *testing.T, truth *truth.Truth, syns map[string]int) {
	t.Helper()
	legs := map[string]int{}
	for _, l := range truth.Legs {
		if l.Midstream || l.Lost == "request" {
			continue
		}
		for _, x := range l.Translated {
			legs[x.Src+" "+x.Dst]++
		}
		src := l.OrigSrc
		if l.RequestSrc != "" {
			src = l.RequestSrc
		}
		legs[src+" "+l.ReplySrc]++
	}
	for k, n := range legs {
		if syns[k] < n && truth.Scenario != "capture-gaps" {
			t.Errorf("%s: %d SYNs, %d legs", k, syns[k], n)
		}
	}
	for k := range syns {
		if legs[k] == 0 {
			t.Errorf("%s: a SYN without leg", k)
		}
	}
}

// dissect lists the frames: "src dst" for a SYN, "" for others.
func dissect(t *testing.T, name string) []string {
	t.Helper()
	cmd := exec.Command("tshark", "-n", "-r", name, "-o", "tcp.desegment_tcp_streams:FALSE", "-T", "fields", "-E", "separator=/t",
		"-e", "ip.src", "-e", "ipv6.src", "-e", "tcp.srcport", "-e", "ip.dst", "-e", "ipv6.dst", "-e", "tcp.dstport", "-e", "tcp.flags")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	var frames []string
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) == 7 && strings.HasSuffix(f[6], "02") {
			frames = append(frames, join(f[0], f[1], f[2])+" "+join(f[3], f[4], f[5]))
			continue
		}
		frames = append(frames, "")
	}
	return frames
}

func join(v4, v6, port string) string {
	if v6 != "" {
		return "[" + v6 + "]:" + port
	}
	return v4 + ":" + port
}

// With the key log, tshark reads as many requests as the truth has.
func TestKeys(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("needs tshark")
	}
	for _, test := range []struct{ scenario, file string }{
		{"inbound-mtls-pooled", "inbound-mtls-pooled-eth0.pcap"},
		{"inbound-permissive", "inbound-permissive-eth0.pcap"},
		{"outbound-vip-mtls", "outbound-vip-mtls-a-eth0.pcap"},
	} {
		truth, err := truth.Read(filepath.Join(shipped, test.scenario+"-truth.json"))
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("tshark", "-n", "-r", filepath.Join(shipped, test.file), "-d", "tcp.port==8080,tls",
			"-o", "tls.keylog_file:"+filepath.Join(shipped, truth.Keys), "-Y", "tls && http.request", "-T", "fields", "-e", "http.request.method").Output()
		if err != nil {
			t.Fatalf("tshark: %v", err)
		}
		want := 0
		for _, l := range truth.Legs {
			if l.Encrypted {
				want += l.Exchanges
			}
		}
		if got := len(strings.Fields(string(out))); got != want {
			t.Errorf("%s: %d requests with keys, want %d", test.file, got, want)
		}
	}
}
