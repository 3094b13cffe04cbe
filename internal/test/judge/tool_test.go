package judge

import (
	"bytes"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// need skips the test on a machine without the tool.
func need(t testing.TB, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Skip("needs " + tool)
	}
}

// run runs a tool and returns what it prints. Its complaints are no output:
// tshark warns of running as root.
func run(t testing.TB, tool string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(tool, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", tool, err, errs.String())
	}
	return out.Bytes()
}

// A row is a TCP packet as tshark sees it.
type row struct {
	stream   int
	time     string
	src, dst string
	notes    []string // what tshark finds wrong with it
}

// notes are the marks of tshark that a stitched capture must not earn.
var notes = []string{
	"tcp.analysis.retransmission", "tcp.analysis.fast_retransmission", "tcp.analysis.spurious_retransmission",
	"tcp.analysis.out_of_order", "tcp.analysis.lost_segment", "tcp.analysis.ack_lost_segment",
	"tcp.analysis.window_full", "tcp.analysis.zero_window", "tcp.analysis.reused_ports", "_ws.malformed",
}

// dissect has tshark read a capture and follow the streams 0 to n-1.
func dissect(t testing.TB, file string, n int) ([]row, []*stream) {
	t.Helper()
	args := []string{"-n", "-r", file, "-Y", "tcp", "-T", "fields", "-e", "tcp.stream", "-e", "frame.time_epoch",
		"-e", "ip.src", "-e", "ipv6.src", "-e", "tcp.srcport", "-e", "ip.dst", "-e", "ipv6.dst", "-e", "tcp.dstport"}
	for _, f := range notes {
		args = append(args, "-e", f)
	}
	for i := range n {
		args = append(args, "-z", fmt.Sprintf("follow,tcp,raw,%d", i))
	}
	packets, follows, _ := strings.Cut(string(run(t, "tshark", args...)), strings.Repeat("=", 60))
	return rows(t, packets), followed(t, follows)
}

func rows(t testing.TB, out string) []row {
	var rs []row
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(f) < 8 {
			continue
		}
		n, err := strconv.Atoi(f[0])
		if err != nil {
			t.Fatalf("tshark: %q", line)
		}
		r := row{stream: n, time: f[1], src: net.JoinHostPort(f[2]+f[3], f[4]), dst: net.JoinHostPort(f[5]+f[6], f[7])}
		for i, v := range f[8:] {
			if v != "" {
				r.notes = append(r.notes, notes[i])
			}
		}
		rs = append(rs, r)
	}
	return rs
}

// followed reads the output of -z follow,tcp,raw. The second node's bytes are
// set in by a tab.
func followed(t testing.TB, out string) []*stream {
	byNumber := make(map[int]*stream)
	var s *stream
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\n")
		head, rest, _ := strings.Cut(line, ": ")
		switch {
		case head == "Filter":
			s = new(stream)
			n, err := strconv.Atoi(strings.TrimPrefix(rest, "tcp.stream eq "))
			if err != nil {
				t.Fatalf("tshark: %q", line)
			}
			byNumber[n] = s
		case head == "Node 0":
			s.client = endpoint(rest)
		case head == "Node 1":
			s.server = endpoint(rest)
		case s == nil || line == "" || strings.HasPrefix(line, "="), head == "Follow":
		default:
			b, err := hex.DecodeString(strings.TrimPrefix(line, "\t"))
			if err != nil {
				t.Fatalf("tshark: %v: %.80q", err, line)
			}
			d := side(line[0] == '\t')
			s.flows[d].data = append(s.flows[d].data, b...)
		}
	}
	var all []*stream
	for i := range len(byNumber) {
		if byNumber[i] == nil {
			t.Fatalf("tshark: stream %d is missing", i)
		}
		all = append(all, byNumber[i])
	}
	return all
}

// endpoint puts an IPv6 address in brackets, which not every tshark does.
func endpoint(s string) string {
	i := strings.LastIndex(s, ":")
	return net.JoinHostPort(strings.Trim(s[:i], "[]"), s[i+1:])
}

// A carved file is one direction of a connection as tcpflow found it.
type carved struct {
	src, dst, start string
	data            []byte
}

// tcpflow carves all flows out of a capture, in the order of their start.
func tcpflow(t testing.TB, file string) []carved {
	t.Helper()
	dir := t.TempDir()
	run(t, "tcpflow", "-q", "-r", file, "-o", dir)
	var report struct {
		Configuration []struct {
			Files []struct {
				Name string `xml:"filename"`
				Flow struct {
					Start   string `xml:"startime,attr"`
					Src     string `xml:"src_ipn,attr"`
					Dst     string `xml:"dst_ipn,attr"`
					SrcPort string `xml:"srcport,attr"`
					DstPort string `xml:"dstport,attr"`
				} `xml:"tcpflow"`
			} `xml:"fileobject"`
		} `xml:"configuration"`
	}
	b, err := os.ReadFile(filepath.Join(dir, "report.xml"))
	if err == nil {
		err = xml.Unmarshal(b, &report)
	}
	if err != nil {
		t.Fatal(err)
	}
	var all []carved
	for _, c := range report.Configuration {
		for _, f := range c.Files {
			if f.Name == "" { // no byte flowed
				continue
			}
			data, err := os.ReadFile(f.Name)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, carved{net.JoinHostPort(f.Flow.Src, f.Flow.SrcPort), net.JoinHostPort(f.Flow.Dst, f.Flow.DstPort), f.Flow.Start, data})
		}
	}
	slices.SortStableFunc(all, func(a, b carved) int { return strings.Compare(a.start, b.start) })
	return all
}
