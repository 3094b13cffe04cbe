package profile_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

func addrList(list ...string) []netip.Addr {
	var out []netip.Addr
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func TestInboundAdvice(t *testing.T) {
	got, err := profile.InboundAdvice(&profile.CaptureQuestion{PodAddrs: addrList("10.244.1.10"), Ports: []uint16{8080}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"eth0: tcp and ((dst host 10.244.1.10 and dst port (8080 or 15006 or 15008)) or (src host 10.244.1.10 and src port (8080 or 15006 or 15008)))",
		"lo: tcp and ((port 8080 and (host (127.0.0.6 or 127.0.0.1) or src and dst host 10.244.1.10)) or (host 127.0.0.1 and port 15006))",
	}
	if diff := cmp.Diff(want, adviceExprs(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOutboundAdvice(t *testing.T) {
	got, err := profile.OutboundAdvice(&profile.CaptureQuestion{PodAddrs: addrList("fd00::a"), Ports: []uint16{80}, ServiceAddrs: addrList("fd00:96::1")})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"eth0: tcp and host fd00::a and not port (15020 or 15021 or 15090 or 15010 or 15012 or 15014 or 15017)",
		"lo: tcp and ((src host fd00::a and dst host ::1 and dst port 15001) or (src host ::1 and src port 15001 and dst host fd00::a)" +
			" or (dst host fd00::a and src host fd00:96::1 and src port 80))",
	}
	if diff := cmp.Diff(want, adviceExprs(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func adviceExprs(list []profile.Advice) []string {
	var out []string
	for _, a := range list {
		out = append(out, a.Interface+": "+a.Filter)
	}
	return out
}

func TestAdviceErrors(t *testing.T) {
	pod := addrList("10.244.1.10")
	for _, tt := range []struct {
		name string
		ask  func(*profile.CaptureQuestion) ([]profile.Advice, error)
		q    profile.CaptureQuestion
		want string
	}{
		{"no pod", profile.InboundAdvice, profile.CaptureQuestion{Ports: []uint16{80}}, "no address of the pod"},
		{"no port", profile.InboundAdvice, profile.CaptureQuestion{PodAddrs: pod}, "no port of the application"},
		{"zone", profile.OutboundAdvice, profile.CaptureQuestion{PodAddrs: addrList("fe80::1%eth0")}, "none that an expression can hold"},
		{"loopback", profile.OutboundAdvice, profile.CaptureQuestion{PodAddrs: addrList("127.0.0.1")}, "no pod or service has it"},
		{"families", profile.OutboundAdvice, profile.CaptureQuestion{PodAddrs: pod, ServiceAddrs: addrList("fd00::1")}, "different families"},
	} {
		if _, err := tt.ask(&tt.q); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
}

// A tapFlow is one directed tuple and whether the advice must keep its packets.
type tapFlow struct {
	src, dst string
	keep     bool
}

// TestAdviceKeeps plays the tuples that captures in sidecar pods show through
// tcpdump with the advised expressions.
func TestAdviceKeeps(t *testing.T) {
	in := &profile.CaptureQuestion{PodAddrs: addrList("10.1.1.5", "fd00::5"), Ports: []uint16{8080}}
	out := &profile.CaptureQuestion{PodAddrs: addrList("10.1.1.5", "fd00::5"), Ports: []uint16{80, 443}}
	service := *out
	service.ServiceAddrs, service.EndpointPorts = addrList("10.96.0.9", "fd00:96::9"), []uint16{8080}
	anyPort := *out
	anyPort.Ports = nil
	ambient := *in
	ambient.Profile = profile.Named("istio-ambient")
	for _, tt := range []struct {
		name, iface string
		ask         func(*profile.CaptureQuestion) ([]profile.Advice, error)
		q           *profile.CaptureQuestion
		flows       []tapFlow
	}{
		{"inbound", "eth0", profile.InboundAdvice, in, []tapFlow{
			{"192.0.2.1:4000", "10.1.1.5:8080", true},
			{"10.1.1.5:8080", "192.0.2.1:4000", true},
			{"10.1.1.5:15006", "192.0.2.1:4000", true}, // stray answer
			{"192.0.2.1:4000", "10.1.1.5:15008", true}, // HBONE
			{"[fd00::1]:4000", "[fd00::5]:8080", true},
			{"[fd00::5]:8080", "[fd00::1]:4000", true},
			{"192.0.2.1:4000", "10.1.1.5:15020", false},
			{"10.1.1.5:4000", "10.1.1.7:8080", false}, // the pod's own call
			{"10.1.1.7:8080", "10.1.1.5:4000", false},
		}},
		{"inbound", "lo", profile.InboundAdvice, in, []tapFlow{
			{"127.0.0.6:4001", "10.1.1.5:8080", true},
			{"10.1.1.5:8080", "127.0.0.6:4001", true},
			{"127.0.0.1:4001", "127.0.0.1:8080", true}, // before 1.10
			{"[::6]:4001", "[fd00::5]:8080", true},
			{"[fd00::5]:8080", "[::6]:4001", true},
			{"10.1.1.5:4002", "127.0.0.1:15006", true}, // self call, both halves
			{"10.1.1.5:8080", "10.1.1.5:4002", true},
			{"10.1.1.5:4002", "127.0.0.1:15001", false},
			{"10.96.0.9:8080", "10.1.1.5:4002", false}, // answer of an outbound half-flow
			{"127.0.0.1:4001", "127.0.0.1:15000", false},
		}},
		{"ambient inbound", "lo", profile.InboundAdvice, &ambient, []tapFlow{
			{"192.0.2.1:4001", "10.1.1.5:8080", true},
			{"10.1.1.5:8080", "192.0.2.1:4001", true},
			{"10.96.0.9:8080", "10.1.1.5:4002", false},
		}},
		{"outbound", "lo", profile.OutboundAdvice, out, []tapFlow{
			{"10.1.1.5:4000", "127.0.0.1:15001", true},
			{"10.96.0.9:80", "10.1.1.5:4000", true},
			{"10.96.0.7:443", "10.1.1.5:4000", true},
			{"127.0.0.1:15001", "10.1.1.5:4000", true}, // stray answer
			{"[fd00::5]:4000", "[::1]:15001", true},
			{"[fd00:96::9]:80", "[fd00::5]:4000", true},
			{"10.96.0.9:8080", "10.1.1.5:4000", false}, // another port
			{"127.0.0.6:4001", "10.1.1.5:8080", false},
			{"10.1.1.5:8080", "127.0.0.6:4001", false},
			{"127.0.0.1:80", "10.1.1.5:4000", false},
		}},
		{"outbound to any port", "lo", profile.OutboundAdvice, &anyPort, []tapFlow{
			{"10.96.0.9:8080", "10.1.1.5:4000", true},
			{"127.0.0.6:4001", "10.1.1.5:8080", false},
			{"10.1.1.5:8080", "10.1.1.5:4000", false},
		}},
		{"outbound to a service", "lo", profile.OutboundAdvice, &service, []tapFlow{
			{"10.1.1.5:4000", "127.0.0.1:15001", true},
			{"10.96.0.9:80", "10.1.1.5:4000", true},
			{"[fd00:96::9]:443", "[fd00::5]:4000", true},
			{"10.96.0.7:80", "10.1.1.5:4000", false},
		}},
		{"outbound", "eth0", profile.OutboundAdvice, out, []tapFlow{
			{"10.1.1.5:4002", "10.1.1.7:9999", true},
			{"10.1.1.7:9999", "10.1.1.5:4002", true},
			{"[fd00::5]:4002", "[fd00::7]:9999", true},
			{"10.1.1.5:4002", "10.96.0.1:15012", false},
			{"192.0.2.1:4000", "10.1.1.5:15021", false},
		}},
		{"outbound to known endpoints", "eth0", profile.OutboundAdvice, &service, []tapFlow{
			{"10.1.1.5:4002", "10.1.1.7:8080", true},
			{"10.1.1.7:8080", "10.1.1.5:4002", true},
			{"10.1.1.5:4002", "10.96.0.9:80", true}, // passed through
			{"10.1.1.5:4002", "10.1.1.7:15008", true},
			{"192.0.2.1:4000", "10.1.1.5:8080", false}, // a client of the pod
		}},
	} {
		t.Run(tt.name+" "+tt.iface, func(t *testing.T) {
			advice, err := tt.ask(tt.q)
			if err != nil {
				t.Fatal(err)
			}
			kept := filterFlows(t, expressionOn(advice, tt.iface), tt.flows)
			for i, f := range tt.flows {
				if kept[i] != f.keep {
					t.Errorf("%s > %s: kept %v, want %v", f.src, f.dst, kept[i], f.keep)
				}
			}
		})
	}
}

func expressionOn(list []profile.Advice, iface string) string {
	for _, a := range list {
		if a.Interface == iface {
			return a.Filter
		}
	}
	return ""
}

// TestAdviceAccepted has tcpdump compile the advice of every mesh.
func TestAdviceAccepted(t *testing.T) {
	for _, p := range profile.All() {
		for _, pods := range [][]netip.Addr{addrList("10.1.1.5"), addrList("fd00::5"), addrList("10.1.1.5", "10.1.1.6", "fd00::5")} {
			q := &profile.CaptureQuestion{Profile: p, PodAddrs: pods, Ports: []uint16{80, 8080}}
			in, err := profile.InboundAdvice(q)
			if err != nil {
				t.Fatal(err)
			}
			out, err := profile.OutboundAdvice(q)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range append(in, out...) {
				filterFlows(t, a.Filter, nil)
			}
		}
	}
}

// filterFlows returns which of the flows tcpdump keeps with an expression.
func filterFlows(t *testing.T, expr string, flows []tapFlow) []bool {
	t.Helper()
	file := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	file = append(file, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0)
	for i, f := range flows {
		p := synFrame(netip.MustParseAddrPort(f.src), netip.MustParseAddrPort(f.dst))
		for _, v := range []int{i, 0, len(p), len(p)} { // the time says which flow it is
			file = binary.LittleEndian.AppendUint32(file, uint32(v))
		}
		file = append(file, p...)
	}
	kept := make([]bool, len(flows))
	for _, r := range pcapRecords(t, runFilter(t, expr, file)) {
		kept[r.seconds] = true
	}
	return kept
}

// runFilter has tcpdump filter a capture.
func runFilter(t *testing.T, expr string, file []byte) []byte {
	t.Helper()
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("needs tcpdump")
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.Command("tcpdump", "-r", "-", "-w", "-", expr)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(file), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("tcpdump %q: %s", expr, stderr.String())
	}
	return stdout.Bytes()
}

// synFrame returns a SYN in an Ethernet frame, checksums zero.
func synFrame(src, dst netip.AddrPort) []byte {
	tcp := make([]byte, 20)
	binary.BigEndian.PutUint16(tcp, src.Port())
	binary.BigEndian.PutUint16(tcp[2:], dst.Port())
	tcp[12], tcp[13] = 5<<4, 2
	eth := make([]byte, 12)
	if src.Addr().Is6() {
		ip := append([]byte{6 << 4, 0, 0, 0, 0, 20, 6, 64}, src.Addr().AsSlice()...)
		return bytes.Join([][]byte{eth, {0x86, 0xdd}, ip, dst.Addr().AsSlice(), tcp}, nil)
	}
	ip := append([]byte{0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0}, src.Addr().AsSlice()...)
	return bytes.Join([][]byte{eth, {8, 0}, ip, dst.Addr().AsSlice(), tcp}, nil)
}

// A pcapRecord is one packet of a little-endian pcap file.
type pcapRecord struct {
	seconds uint32
	data    []byte
}

func pcapRecords(t *testing.T, file []byte) []pcapRecord {
	t.Helper()
	if len(file) < 24 || binary.LittleEndian.Uint32(file)&^0xffff != 0xa1b20000 {
		t.Fatalf("no pcap file of %d bytes", len(file))
	}
	var out []pcapRecord
	for file = file[24:]; len(file) >= 16; {
		n := 16 + binary.LittleEndian.Uint32(file[8:])
		out = append(out, pcapRecord{binary.LittleEndian.Uint32(file), file[16:n]})
		file = file[n:]
	}
	return out
}
