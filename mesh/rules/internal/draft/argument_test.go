package draft_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/draft"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// Arguments of targets print as iptables-save writes them. All ways to set a
// mark become the one that the kernel has.
func TestArguments(t *testing.T) {
	for _, tt := range []struct{ name, options, want string }{
		{"redirect", "-j REDIRECT --to-ports 15001", "-j REDIRECT --to-ports 15001"},
		{"redirect, cut short", "-j REDIRECT --to-port 15001", "-j REDIRECT --to-ports 15001"},
		{"redirect, shorter", "-j REDIRECT --to 15001-15009", "-j REDIRECT --to-ports 15001-15009"},
		{"DNAT", "-j DNAT --to-destination 10.0.0.1:80", "-j DNAT --to-destination 10.0.0.1:80"},
		{"DNAT, cut short", "-j DNAT --to-dest 10.0.0.1", "-j DNAT --to-destination 10.0.0.1"},
		{"DNAT, shorter", "-j DNAT --to :80", "-j DNAT --to-destination :80"},
		{"DNAT to a choice", "-j DNAT --to-destination 10.0.0.1-10.0.0.9 --random", "-j DNAT --to-destination 10.0.0.1-10.0.0.9 --random"},
		{"DNAT to a choice with a port", "-j DNAT --random --to-destination 10.0.0.1-10.0.0.9:80", "-j DNAT --random --to-destination 10.0.0.1-10.0.0.9:80"},
		{"TPROXY", "-j TPROXY --tproxy-mark 0x539/0xff --on-port 15006 --on-ip 10.0.0.1", "-j TPROXY --on-port 15006 --on-ip 10.0.0.1 --tproxy-mark 0x539/0xff"},
		{"set", "-j MARK --set-mark 0x10", "-j MARK --set-xmark 0x10/0xffffffff"},
		{"set some bits", "-j MARK --set-mark 0x13/0xf0", "-j MARK --set-xmark 0x13/0xf3"},
		{"set by flipping", "-j MARK --set-xmark 0x13/0xf0", "-j MARK --set-xmark 0x13/0xf0"},
		{"and", "-j MARK --and-mark 0xff", "-j MARK --set-xmark 0x0/0xffffff00"},
		{"or", "-j MARK --or-mark 0xff", "-j MARK --set-xmark 0xff/0xff"},
		{"xor", "-j MARK --xor-mark 0xff", "-j MARK --set-xmark 0xff/0x0"},
		{"set the connection's", "-j CONNMARK --set-mark 0x10", "-j CONNMARK --set-xmark 0x10/0xffffffff"},
		{"save", "-j CONNMARK --save-mark", "-j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff"},
		{"restore", "-j CONNMARK --restore-mark", "-j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff"},
		{"one mask for both", "-j CONNMARK --restore-mark --mask 0xf", "-j CONNMARK --restore-mark --nfmask 0xf --ctmask 0xf"},
		{"a mask each", "-j CONNMARK --save-mark --nfmask 0xf --ctmask 0xff", "-j CONNMARK --save-mark --nfmask 0xf --ctmask 0xff"},
		{"one mask", "-j CONNMARK --save-mark --ctmask 0xff", "-j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xff"},
		{"zone", "-j CT --zone 2", "-j CT --zone 2"},
		{"zone and more", "-j CT --zone 2 --ctevents new", "-j CT --zone 2 --ctevents new"},
		{"no zone", "-j CT --notrack", "-j CT --notrack"},
		{"arguments of another target", "-j RETURN --to-ports 1", "-j RETURN --to-ports 1"},
		{"none that TPROXY has", "-j TPROXY --to-ports 1", "-j TPROXY --to-ports 1"},
		{"none that DNAT has", "-j DNAT --on-port 1", "-j DNAT --on-port 1"},
		{"none that CONNMARK has", "-j CONNMARK --on-port 1", "-j CONNMARK --on-port 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, problem := rule(t, tt.options); got != tt.want || problem != "" {
				t.Errorf("got %s %s, want %s", got, problem, tt.want)
			}
		})
	}
}

func TestArgumentsMalformed(t *testing.T) {
	for _, tt := range []struct{ name, options, want string }{
		{"no ports", "-j REDIRECT --to-ports", "a value is missing"},
		{"ports of words", "-j REDIRECT --to-ports x", `"x" is no number below 65536`},
		{"no destination", "-j DNAT --to-destination", "a value is missing"},
		{"no listener", "-j TPROXY --on-port", "a value is missing"},
		{"a listener of words", "-j TPROXY --on-port x", `"x" is no number below 65536`},
		{"no address", "-j TPROXY --on-ip x", `"x" is no address`},
		{"no mark", "-j TPROXY --tproxy-mark x", `"x" is no number below 4294967296`},
		{"no value of a mark", "-j MARK --set-mark", "a value is missing"},
		{"a mark of words", "-j MARK --or-mark x", `"x" is no number below 4294967296`},
		{"no mask", "-j CONNMARK --save-mark --mask", "a value is missing"},
		{"a mask of words", "-j CONNMARK --save-mark --mask x", `"x" is no number below 4294967296`},
		{"a mask of nothing", "-j CONNMARK --nfmask 1", "--nfmask without --save-mark or --restore-mark"},
		{"a mask of what is set", "-j CONNMARK --set-mark 1 --mask 1", "--mask without --save-mark or --restore-mark"},
		{"no zone", "-j CT --zone", "a value is missing"},
		{"a zone too large", "-j CT --zone 65536", `"65536" is no number below 65536`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, problem := rule(t, tt.options); problem != tt.want {
				t.Errorf("got %s %q, want %q", got, problem, tt.want)
			}
		})
	}
}

// Forms that write an option and its value apart from others use the same words.
func TestMarking(t *testing.T) {
	var b draft.Builder
	for _, tt := range []struct {
		name, option string
		value        [][]byte
		want, err    string
	}{
		{"save", "--save-mark", nil, "-j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff", ""},
		{"set", "--set-xmark", split("0x1/0xf"), "-j CONNMARK --set-xmark 0x1/0xf", ""},
		{"no value", "--set-xmark", nil, "-j CONNMARK", "a value is missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			target := netfilter.Target{Name: netfilter.TargetConnMark}
			err := b.Marking(&target, tt.option, tt.value...)
			if got := target.String(); got != tt.want || complaint(err) != tt.err {
				t.Errorf("got %s, %v, want %s, %q", got, err, tt.want, tt.err)
			}
		})
	}
}
