package istio

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
)

// Args are the arguments of Istio's init container, istio-iptables, as its
// flags name them. Lists are separated by commas; * stands for all. The zero
// Args are not its defaults: [DefaultArgs] are.
//
// Source: istio, tools/istio-iptables/pkg/cmd/root.go and pkg/constants.
type Args struct {
	ProxyPort   string // -p: outbound listener
	InboundPort string // -z
	TunnelPort  string // -e: HBONE, never redirected
	UID, GID    string // -u, -g: of the proxy; lists. No GID: that of UID
	Mode        string // -m: REDIRECT or TPROXY
	TPROXYMark  string // -t

	InboundInclude, InboundExclude      string // -b, -d: ports
	OutboundInclude, OutboundExclude    string // -i, -x: networks
	OutboundPorts, OutboundPortsExclude string // -q, -o
	ExcludeInterfaces                   string // -c
	VirtualInterfaces                   string // -k: their traffic is outbound
	OwnerGroups, OwnerGroupsExclude     string // environment: groups whose traffic is outbound
	RedirectDNS, CaptureAllDNS          bool
	DNSServers                          []netip.Addr // of the pod's resolv.conf; none known: every query is taken for one to them
	DropInvalid                         bool
	LoopbackCIDR                        string // environment: what stands for 127.0.0.1/32
	IPv6                                bool   // rules for IPv6 as well
}

// DefaultArgs returns what injection gives the init container of a sidecar:
// everything is redirected but what the mesh itself listens on.
func DefaultArgs() Args {
	a := flagDefaults()
	a.InboundInclude, a.InboundExclude, a.OutboundInclude = "*", "15090,15021,15020", "*"
	return a
}

// flagDefaults returns what istio-iptables does without arguments. It makes
// rules for IPv6 in pods that have such an address; packets tell which have.
func flagDefaults() Args {
	return Args{ProxyPort: "15001", InboundPort: "15006", TunnelPort: "15008", UID: "1337", Mode: "REDIRECT",
		TPROXYMark: "1337", OwnerGroups: "*", LoopbackCIDR: "127.0.0.1/32", IPv6: true}
}

// field returns what a flag or an environment variable of the init container
// sets: a text, or something to switch on. Both are nil if it is none.
func (a *Args) field(name string) (text *string, flag *bool) {
	switch name {
	case "p", "envoy-port", "PROXY_PORT":
		return &a.ProxyPort, nil
	case "z", "inbound-capture-port", "PROXY_INBOUND_CAPTURE_PORT":
		return &a.InboundPort, nil
	case "e", "inbound-tunnel-port", "PROXY_TUNNEL_PORT":
		return &a.TunnelPort, nil
	case "u", "proxy-uid", "PROXY_UID":
		return &a.UID, nil
	case "g", "proxy-gid", "PROXY_GID":
		return &a.GID, nil
	case "m", "istio-inbound-interception-mode", "INBOUND_INTERCEPTION_MODE":
		return &a.Mode, nil
	case "t", "istio-inbound-tproxy-mark", "INBOUND_TPROXY_MARK":
		return &a.TPROXYMark, nil
	case "b", "istio-inbound-ports", "INBOUND_PORTS_INCLUDE":
		return &a.InboundInclude, nil
	case "d", "istio-local-exclude-ports", "INBOUND_PORTS_EXCLUDE":
		return &a.InboundExclude, nil
	case "i", "istio-service-cidr", "OUTBOUND_IP_RANGES_INCLUDE":
		return &a.OutboundInclude, nil
	case "x", "istio-service-exclude-cidr", "OUTBOUND_IP_RANGES_EXCLUDE":
		return &a.OutboundExclude, nil
	case "q", "istio-outbound-ports", "OUTBOUND_PORTS_INCLUDE":
		return &a.OutboundPorts, nil
	case "o", "istio-local-outbound-ports-exclude", "OUTBOUND_PORTS_EXCLUDE":
		return &a.OutboundPortsExclude, nil
	case "c", "istio-exclude-interfaces", "EXCLUDE_INTERFACES":
		return &a.ExcludeInterfaces, nil
	case "k", "kube-virt-interfaces", "kubevirt-interfaces", "KUBE_VIRT_INTERFACES", "KUBEVIRT_INTERFACES", "REROUTE_VIRTUAL_INTERFACES":
		return &a.VirtualInterfaces, nil
	case "OUTBOUND_OWNER_GROUPS_INCLUDE", "ISTIO_OUTBOUND_OWNER_GROUPS":
		return &a.OwnerGroups, nil
	case "OUTBOUND_OWNER_GROUPS_EXCLUDE", "ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE":
		return &a.OwnerGroupsExclude, nil
	case "ISTIO_OUTBOUND_IPV4_LOOPBACK_CIDR", "HOST_IPV4_LOOPBACK_CIDR":
		return &a.LoopbackCIDR, nil
	case "redirect-dns", "DNS_CAPTURE":
		return nil, &a.RedirectDNS
	case "capture-all-dns", "CAPTURE_ALL_DNS":
		return nil, &a.CaptureAllDNS
	case "drop-invalid", "DROP_INVALID":
		return nil, &a.DropInvalid
	case "ENABLE_INBOUND_IPV6", "ENABLE_IPV6":
		return nil, &a.IPv6
	}
	return nil, nil
}

// ignored reports whether a flag of the init container has no say in the rules,
// and whether it takes a value.
func ignored(name string) (known, value bool) {
	switch name {
	case "r", "istio-inbound-tproxy-route-table", "iptables-probe-port", "probe-timeout", "network-namespace",
		"log_output_level", "proxy-type", "iptables-version":
		return true, true
	case "n", "dry-run", "f", "restore-format", "skip-rule-apply", "run-validation", "cni-mode", "host-nsenter-exec",
		"iptables-trace-logging", "cleanup-only", "force-apply", "reconcile", "native-nftables", "log_as_json", "dual-stack":
		return true, false
	}
	return false, false
}

// parseArgs reads the words behind istio-iptables. Where words break off, what
// was read is returned with the error.
func parseArgs(words []string) (Args, error) {
	a := flagDefaults()
	for i := 0; i < len(words); i++ {
		name, value, joined := cutFlag(words[i])
		if name == "" {
			return a, fmt.Errorf("%q stands where a flag is wanted", words[i])
		}
		text, flag := a.field(name)
		known, takes := ignored(name)
		switch {
		case flag != nil:
			*flag = !joined || value == "true"
			continue
		case text == nil && !known:
			return a, fmt.Errorf("%s is no flag of istio-iptables", words[i])
		case text == nil && !takes:
			continue
		}
		if !joined {
			if i++; i >= len(words) {
				return a, fmt.Errorf("%s: %w", words[i-1], syntax.ErrValue)
			}
			value = words[i]
		}
		if text != nil {
			*text = value
		}
	}
	return a, a.check()
}

// cutFlag takes "-p", "-p=15001", "-p15001", "--envoy-port" and
// "--envoy-port=15001" apart.
func cutFlag(w string) (name, value string, joined bool) {
	if long, ok := strings.CutPrefix(w, "--"); ok {
		return strings.Cut(long, "=")
	}
	if len(w) < 2 || w[0] != '-' {
		return "", "", false
	}
	if len(w) > 2 {
		return w[1:2], strings.TrimPrefix(w[2:], "="), true
	}
	return w[1:], "", false
}

// check says what of the arguments makes no rules.
func (a *Args) check() error {
	for _, list := range []string{a.ProxyPort, a.InboundPort, a.TunnelPort, a.InboundInclude, a.InboundExclude, a.OutboundPorts, a.OutboundPortsExclude} {
		for _, port := range split(list) {
			if _, err := syntax.Number([]byte(port), 16); err != nil && port != "*" {
				return err
			}
		}
	}
	for _, list := range []string{a.UID, a.GID} {
		for _, id := range split(list) {
			if _, err := syntax.Number([]byte(id), 32); err != nil {
				return err
			}
		}
	}
	return nil
}

// split takes a list apart as Istio does: no element is empty.
func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
