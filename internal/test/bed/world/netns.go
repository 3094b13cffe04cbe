//go:build linux

package world

import (
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// worldHosts are the hosts and their addresses. The node routes, one subnet for each host.
func worldHosts(prefix string) []*Host {
	h := func(name, ip, ip6 string) *Host {
		return &Host{Name: name, NS: prefix + name, IP: netip.MustParseAddr(ip), IP6: netip.MustParseAddr(ip6)}
	}
	return []*Host{
		h("client", "192.0.2.10", "2001:db8:c::10"),
		h("ext", "203.0.113.80", "2001:db8:e::80"),
		h("a", "10.244.1.10", "fd00:10:244:1::10"),
		h("b", "10.244.2.20", "fd00:10:244:2::20"),
		h("gw", "10.244.3.30", "fd00:10:244:3::30"),
	}
}

// gateway is the node's address in the subnet of ip: the first one.
func gateway(ip netip.Addr) netip.Addr {
	bits := 24
	if ip.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(ip, bits).Masked().Addr().Next()
}

// Build makes the namespaces, links, addresses and routes.
func (w *World) Build() error {
	w.Node = &Host{Name: "node", NS: w.Prefix + "node"}
	for _, h := range append([]*Host{w.Node}, w.Hosts...) {
		if err := w.MakeNS(h); err != nil {
			return err
		}
	}
	for _, h := range w.Hosts {
		if err := w.plug(h); err != nil {
			return err
		}
	}
	if w.V6 {
		if err := w.Node.Sysctl("net/ipv6/conf/all/forwarding", "1"); err != nil {
			return err
		}
	}
	return w.Node.Sysctl("net/ipv4/ip_forward", "1")
}

// MakeNS makes the namespace of a host, with lo up.
func (w *World) MakeNS(h *Host) error {
	if _, err := w.Command("ip", "netns", "add", h.NS); err != nil {
		return err
	}
	w.spaces = append(w.spaces, h.NS)
	v6 := "1"
	if w.V6 {
		v6 = "0"
	}
	for _, kv := range [][2]string{
		{"net/ipv6/conf/all/disable_ipv6", v6},
		{"net/ipv6/conf/default/disable_ipv6", v6},
		{"net/ipv6/conf/default/accept_dad", "0"}, // addresses usable at once
		{"net/ipv6/conf/all/forwarding", "0"},
	} {
		if err := h.Sysctl(kv[0], kv[1]); err != nil {
			return err
		}
	}
	_, err := w.Command("ip", "-n", h.NS, "link", "set", "lo", "up")
	return err
}

// plug joins h to the node with a veth pair.
func (w *World) plug(h *Host) error {
	cable := "v-" + h.Name
	steps := [][]string{
		{"-n", w.Node.NS, "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", h.NS},
		{"-n", w.Node.NS, "addr", "add", gateway(h.IP).String() + "/24", "dev", cable},
		{"-n", w.Node.NS, "link", "set", cable, "up"},
		{"-n", h.NS, "addr", "add", h.IP.String() + "/24", "dev", "eth0"},
		{"-n", h.NS, "link", "set", "eth0", "up"},
		{"-n", h.NS, "route", "add", "default", "via", gateway(h.IP).String()},
	}
	if w.V6 {
		steps = append(steps,
			[]string{"-n", w.Node.NS, "addr", "add", gateway(h.IP6).String() + "/64", "dev", cable, "nodad"},
			[]string{"-n", h.NS, "addr", "add", h.IP6.String() + "/64", "dev", "eth0", "nodad"},
			[]string{"-n", h.NS, "addr", "add", "::6/128", "dev", "lo", "nodad"},
			[]string{"-n", h.NS, "route", "add", "default", "via", gateway(h.IP6).String()})
	}
	for _, s := range steps {
		if _, err := w.Command("ip", s...); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes namespaces of runs that were killed: their names hold the id
// of a process that is gone.
func (w *World) sweep() {
	out, err := w.Command("ip", "netns", "list")
	if err != nil {
		return
	}
	for line := range strings.Lines(out) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		rest, ours := strings.CutPrefix(name, "pm")
		id, _, dashed := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(id)
		if !ours || !dashed || err != nil || unix.Kill(pid, 0) != unix.ESRCH {
			continue
		}
		_, _ = w.Command("ip", "netns", "del", name)
	}
}
