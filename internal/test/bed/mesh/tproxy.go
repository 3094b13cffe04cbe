//go:build linux

package mesh

import (
	"fmt"
	"strings"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// mangle returns the mangle table of Istio's TPROXY mode with all ports
// included, in the order of tools/istio-iptables (tproxy.golden): what it
// inserts at the head of a chain stands there.
func (c Interception) mangle(lo, pass string) string {
	var w strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&w, format+"\n", args...) }
	line("*mangle")
	for _, chain := range []string{"ISTIO_INBOUND", "ISTIO_DIVERT", "ISTIO_TPROXY"} {
		line("-N %s", chain)
	}
	line("-A ISTIO_INBOUND -p tcp -m mark --mark 1337 -j RETURN")
	line("-A ISTIO_INBOUND -p tcp -s %s -i lo -j RETURN", pass)
	line("-A ISTIO_INBOUND -p tcp -i lo -m mark ! --mark 1338 -j RETURN")
	line("-A ISTIO_INBOUND -p tcp --dport 15008 -j RETURN")
	for _, port := range c.ExcludeIn {
		line("-A ISTIO_INBOUND -p tcp --dport %d -j RETURN", port)
	}
	line("-A ISTIO_INBOUND -p tcp -m conntrack --ctstate RELATED,ESTABLISHED -j ISTIO_DIVERT")
	line("-A ISTIO_INBOUND -p tcp -j ISTIO_TPROXY")
	line("-A ISTIO_DIVERT -j MARK --set-mark 1337")
	line("-A ISTIO_DIVERT -j ACCEPT")
	line("-A ISTIO_TPROXY ! -d %s -p tcp -j TPROXY --tproxy-mark 1337/0xffffffff --on-port %d", lo, c.In)
	line("-A PREROUTING -p tcp -j ISTIO_INBOUND")
	line("-A PREROUTING -p tcp -m mark --mark 1337 -j CONNMARK --save-mark")
	line("-A OUTPUT -p tcp -o lo -m mark --mark 1337 -j RETURN")
	for _, owner := range []string{"uid", "gid"} {
		line("-A OUTPUT ! -d %s -p tcp -o lo -m owner --%s-owner %d -j MARK --set-mark 1338", lo, owner, c.UID)
	}
	line("-A OUTPUT -p tcp -m connmark --mark 1337 -j CONNMARK --restore-mark")
	line("COMMIT")
	return w.String()
}

// ambientRules are the rules that Istio's node agent loads into an ambient pod
// (cni/pkg/iptables/testdata/default.golden), but for those of DNS in raw.
const ambientRules = `*mangle
-N ISTIO_PRERT
-N ISTIO_OUTPUT
-A PREROUTING -j ISTIO_PRERT
-A OUTPUT -j ISTIO_OUTPUT
-A ISTIO_PRERT -m mark --mark 0x539/0xfff -j CONNMARK --set-xmark 0x111/0xfff
-A ISTIO_OUTPUT -m connmark --mark 0x111/0xfff -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff
COMMIT
*nat
-N ISTIO_PRERT
-N ISTIO_OUTPUT
-A PREROUTING -j ISTIO_PRERT
-A OUTPUT -j ISTIO_OUTPUT
-A ISTIO_PRERT -s 169.254.7.127 -p tcp -m tcp -j ACCEPT
-A ISTIO_PRERT ! -d 127.0.0.1/32 -p tcp ! --dport 15008 -m mark ! --mark 0x539/0xfff -j REDIRECT --to-ports 15006
-A ISTIO_OUTPUT -d 169.254.7.127 -p tcp -m tcp -j ACCEPT
-A ISTIO_OUTPUT ! -o lo -p udp -m mark ! --mark 0x539/0xfff -m udp --dport 53 -j REDIRECT --to-port 15053
-A ISTIO_OUTPUT ! -d 127.0.0.1/32 -p tcp --dport 53 -m mark ! --mark 0x539/0xfff -j REDIRECT --to-ports 15053
-A ISTIO_OUTPUT -p tcp -m mark --mark 0x111/0xfff -j ACCEPT
-A ISTIO_OUTPUT ! -d 127.0.0.1/32 -o lo -j ACCEPT
-A ISTIO_OUTPUT ! -d 127.0.0.1/32 -p tcp -m mark ! --mark 0x539/0xfff -j REDIRECT --to-ports 15001
COMMIT
`

// routeMarked takes packets with the mesh's mark to the pod itself, whoever
// they are addressed to: answers to a client whose address the proxy used.
func routeMarked(w *world.World, h *world.Host, how Mode) error {
	var rule, table string
	switch how {
	case ModeTProxy:
		rule, table = "1337", "133"
	case ModeAmbient:
		rule, table = "0x111/0xfff", "100"
	default:
		return nil
	}
	if _, err := w.Command("ip", "-n", h.NS, "rule", "add", "fwmark", rule, "pref", "32764", "lookup", table); err != nil {
		return err
	}
	_, err := w.Command("ip", "-n", h.NS, "route", "add", "local", "default", "dev", "lo", "table", table)
	return err
}
