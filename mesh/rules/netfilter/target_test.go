package netfilter_test

import (
	"net/netip"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// A target prints as iptables-save writes it; what is not given is left out.
func TestTarget(t *testing.T) {
	v4, v6 := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")
	port, ports := netfilter.Span{Lo: 80, Hi: 80}, netfilter.Span{Lo: 80, Hi: 90}
	for _, tt := range []struct {
		name   string
		target netfilter.Target
		want   string
	}{
		{"name only", netfilter.Target{Name: netfilter.TargetReturn}, "-j RETURN"},
		{"name in quotes", netfilter.Target{Name: "a b"}, `-j "a b"`},
		{"goto", netfilter.Target{Name: "ISTIO_OUTPUT", Goto: true}, "-g ISTIO_OUTPUT"},
		{"other arguments", netfilter.Target{Name: "LOG", Extra: "--log-prefix x"}, "-j LOG --log-prefix x"},
		{"redirect", netfilter.Target{Name: netfilter.TargetRedirect, Ports: port}, "-j REDIRECT --to-ports 80"},
		{"redirect to a choice", netfilter.Target{Name: netfilter.TargetRedirect, Ports: ports}, "-j REDIRECT --to-ports 80-90"},
		{"redirect that keeps the port", netfilter.Target{Name: netfilter.TargetRedirect}, "-j REDIRECT"},
		{"DNAT", netfilter.Target{Name: netfilter.TargetDNAT, Addr: v4, Ports: port}, "-j DNAT --to-destination 10.0.0.1:80"},
		{"DNAT to an address", netfilter.Target{Name: netfilter.TargetDNAT, Addr: v4}, "-j DNAT --to-destination 10.0.0.1"},
		{"DNAT to ports", netfilter.Target{Name: netfilter.TargetDNAT, Ports: ports}, "-j DNAT --to-destination :80-90"},
		{"DNAT of IPv6", netfilter.Target{Name: netfilter.TargetDNAT, Addr: v6, Ports: port}, "-j DNAT --to-destination [fd00::1]:80"},
		{"DNAT to an address of IPv6", netfilter.Target{Name: netfilter.TargetDNAT, Addr: v6}, "-j DNAT --to-destination fd00::1"},
		{"DNAT to nothing known", netfilter.Target{Name: netfilter.TargetDNAT, Extra: "--random"}, "-j DNAT --random"},
		{"TPROXY", netfilter.Target{Name: netfilter.TargetTPROXY, Ports: port, Value: 0x539, Mask: 0xffffffff}, "-j TPROXY --on-port 80 --tproxy-mark 0x539/0xffffffff"},
		{"TPROXY to an address", netfilter.Target{Name: netfilter.TargetTPROXY, Ports: port, Addr: v4}, "-j TPROXY --on-port 80 --on-ip 10.0.0.1"},
		{"TPROXY that clears marks", netfilter.Target{Name: netfilter.TargetTPROXY, Mask: 0xf}, "-j TPROXY --tproxy-mark 0x0/0xf"},
		{"TPROXY that flips a mark", netfilter.Target{Name: netfilter.TargetTPROXY, Value: 1}, "-j TPROXY --tproxy-mark 0x1/0x0"},
		{"mark", netfilter.Target{Name: netfilter.TargetMark, Op: netfilter.OpSet, Value: 0x10, Mask: 0xf0}, "-j MARK --set-xmark 0x10/0xf0"},
		{"mark of the connection", netfilter.Target{Name: netfilter.TargetConnMark, Op: netfilter.OpSet, Value: 0x10, Mask: 0xf0}, "-j CONNMARK --set-xmark 0x10/0xf0"},
		{"save", netfilter.Target{Name: netfilter.TargetConnMark, Op: netfilter.OpSave, Mask: 0xf, CTMask: 0xff}, "-j CONNMARK --save-mark --nfmask 0xf --ctmask 0xff"},
		{"restore", netfilter.Target{Name: netfilter.TargetConnMark, Op: netfilter.OpRestore, Mask: 0xf, CTMask: 0xff}, "-j CONNMARK --restore-mark --nfmask 0xf --ctmask 0xff"},
		{"mark without arguments", netfilter.Target{Name: netfilter.TargetMark, Value: 1, Mask: 2, CTMask: 3}, "-j MARK"},
		{"zone", netfilter.Target{Name: netfilter.TargetCT, HasZone: true, Zone: 2}, "-j CT --zone 2"},
		{"zone of all", netfilter.Target{Name: netfilter.TargetCT, HasZone: true}, "-j CT --zone 0"},
		{"no zone", netfilter.Target{Name: netfilter.TargetCT, Extra: "--notrack"}, "-j CT --notrack"},
		{"ports of another target", netfilter.Target{Name: "SNAT", Ports: port}, "-j SNAT"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.target.String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
