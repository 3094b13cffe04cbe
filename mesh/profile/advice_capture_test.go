package profile_test

import (
	"encoding/binary"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// TestAdviceOnCaptures has the advice keep all packets of the legs it is for, in
// captures of real redirects, and none of legs of the other direction.
func TestAdviceOnCaptures(t *testing.T) {
	inbound := []string{"client-proxy", "proxy-app", "lo proxy-proxy"}
	outbound := []string{"app-proxy", "proxy-server", "eth0 proxy-proxy"}
	for _, tt := range []struct {
		scenario         string
		keep             []string
		ports, endpoints []uint16
		strays           map[string]int // packets of no leg's tuple to be kept, by interface
	}{
		{"inbound-plain-pooled", inbound, []uint16{8080}, nil, nil},
		{"inbound-mtls-tcp", inbound, []uint16{5432}, nil, nil},
		{"agent-probe", inbound, []uint16{8080}, nil, nil},
		{"app-fanout", inbound, []uint16{8080}, nil, nil},
		{"app-fanout", outbound, []uint16{80}, []uint16{9001, 9002, 9003}, nil},
		{"ipv6", inbound, []uint16{8080}, nil, nil},
		{"ipv6", outbound, []uint16{80}, []uint16{8080}, nil},
		{"self-vip", inbound, []uint16{8080}, nil, nil},
		{"self-vip", outbound, []uint16{80}, nil, nil},
		{"self-own-address", inbound, []uint16{8080}, nil, nil},
		{"excluded", inbound, []uint16{8080}, nil, nil},
		{"tcp-refused", inbound, []uint16{7777, 7778}, nil, nil},
		{"tcp-refused", outbound, []uint16{7779}, []uint16{7779}, nil},
		{"outbound-plain-vip", outbound, []uint16{80}, nil, nil},
		{"outbound-passthrough", outbound, []uint16{80, 8080}, nil, nil},
		{"port-collision", outbound, nil, []uint16{8080}, map[string]int{"lo": 14}},                      // requests from a port of conntrack's choice
		{"conntrack-flush", inbound, []uint16{8080}, nil, map[string]int{"eth0": 4}},                     // to and from POD:15006
		{"conntrack-flush", outbound, []uint16{80}, []uint16{8080}, map[string]int{"eth0": 10, "lo": 6}}, // POD to the VIP; from 127.0.0.1:15001
	} {
		truth := readLegTruth(t, tt.scenario)
		q := &profile.CaptureQuestion{PodAddrs: truth.podAddrs(), Ports: tt.ports, EndpointPorts: tt.endpoints}
		ask := profile.InboundAdvice
		if tt.keep[0] == "app-proxy" {
			ask = profile.OutboundAdvice
		}
		advice, err := ask(q)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range truth.Files {
			t.Run(tt.keep[0]+" in "+f.Name, func(t *testing.T) {
				file, err := os.ReadFile(filepath.Join("../../testdata/pcaps", f.Name))
				if err != nil {
					t.Fatal(err)
				}
				before, after := truth.count(t, f.Interface, file), truth.count(t, f.Interface, runFilter(t, expressionOn(advice, f.Interface), file))
				checkKept(t, tt.keep, before, after)
				if stray := f.Interface + " stray"; after[stray] != tt.strays[f.Interface] {
					t.Errorf("kept %d of %d strays, want %d", after[stray], before[stray], tt.strays[f.Interface])
				}
			})
		}
	}
}

// checkKept compares packets by role before and after filtering. Direct and
// control connections to the application's port may be kept.
func checkKept(t *testing.T, keep []string, before, after map[string]int) {
	t.Helper()
	for role, n := range before {
		_, bare, _ := strings.Cut(role, " ")
		switch {
		case slices.Contains(keep, role) || slices.Contains(keep, bare):
			if after[role] != n {
				t.Errorf("%s: kept %d of %d packets", role, after[role], n)
			}
		case bare != "direct" && bare != "control" && bare != "stray" && after[role] > 0:
			t.Errorf("%s: kept %d of %d packets, want none", role, after[role], n)
		}
	}
}

// A legTruth is what is needed of a scenario's truth file.
type legTruth struct {
	Files []struct{ Name, Interface string }
	Legs  []struct {
		Role, Interface string
		OrigSrc         string `json:"orig_src"`
		OrigDst         string `json:"orig_dst"`
		ReplySrc        string `json:"reply_src"`
	}
}

func readLegTruth(t *testing.T, scenario string) *legTruth {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../testdata/pcaps", scenario+"-truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	out := new(legTruth)
	if err := json.Unmarshal(b, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// podAddrs returns the pod's address: the server of clients and the source of
// what the application dials.
func (tr *legTruth) podAddrs() []netip.Addr {
	for _, l := range tr.Legs {
		switch l.Role {
		case "client-proxy":
			return []netip.Addr{netip.MustParseAddrPort(l.OrigDst).Addr()}
		case "app-proxy":
			return []netip.Addr{netip.MustParseAddrPort(l.OrigSrc).Addr()}
		}
	}
	return nil
}

// count returns how many packets of a capture belong to legs of each role, as
// "eth0 client-proxy"; TCP packets of no leg are strays, others under "".
func (tr *legTruth) count(t *testing.T, iface string, file []byte) map[string]int {
	t.Helper()
	out := make(map[string]int)
	for _, r := range pcapRecords(t, file) {
		out[tr.roleOf(iface, r.data)]++
	}
	return out
}

// roleOf names the leg of a frame: where a leg is redirected, a request shows
// after the redirect and its answer before it.
func (tr *legTruth) roleOf(iface string, frame []byte) string {
	src, dst := frameEnds(frame)
	for _, l := range tr.Legs {
		if l.Interface == iface && (src == l.OrigSrc && dst == l.ReplySrc || src == l.OrigDst && dst == l.OrigSrc) {
			return iface + " " + l.Role
		}
		if l.Interface == iface && iface == "eth0" && src == l.OrigSrc && dst == l.OrigDst {
			return iface + " " + l.Role
		}
	}
	if src == "" {
		return ""
	}
	return iface + " stray"
}

// frameEnds returns the ends of a TCP packet in an Ethernet frame, "" if it is
// none.
func frameEnds(frame []byte) (src, dst string) {
	end := func(addr []byte, port []byte) string {
		a, _ := netip.AddrFromSlice(addr)
		return netip.AddrPortFrom(a, binary.BigEndian.Uint16(port)).String()
	}
	switch {
	case len(frame) >= 54 && frame[12] == 8 && frame[13] == 0 && frame[23] == 6:
		l4 := frame[14+4*int(frame[14]&15):]
		return end(frame[26:30], l4), end(frame[30:34], l4[2:])
	case len(frame) >= 74 && frame[12] == 0x86 && frame[13] == 0xdd && frame[20] == 6:
		return end(frame[22:38], frame[54:]), end(frame[38:54], frame[56:])
	}
	return "", ""
}
