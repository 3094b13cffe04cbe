//go:build linux

package testbed

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// host is one network namespace: a pod, a machine outside, or the node that
// routes between them. In every host but the node the interface is eth0.
type host struct {
	name string
	NS   string
	ip   netip.Addr
	ip6  netip.Addr

	watched bool // conntrack's events are being recorded
}

// addresses of the world. The node routes, one subnet for each host.
func worldHosts(prefix string) []*host {
	h := func(name, ip, ip6 string) *host {
		return &host{name: name, NS: prefix + name, ip: netip.MustParseAddr(ip), ip6: netip.MustParseAddr(ip6)}
	}
	return []*host{
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

// build makes the namespaces, links, addresses and routes.
func (w *world) build() error {
	w.node = &host{name: "node", NS: w.prefix + "node"}
	for _, h := range append([]*host{w.node}, w.hosts...) {
		if err := w.makeNS(h); err != nil {
			return err
		}
	}
	for _, h := range w.hosts {
		if err := w.plug(h); err != nil {
			return err
		}
	}
	if w.v6 {
		if err := w.node.sysctl("net/ipv6/conf/all/forwarding", "1"); err != nil {
			return err
		}
	}
	return w.node.sysctl("net/ipv4/ip_forward", "1")
}

func (w *world) makeNS(h *host) error {
	if _, err := w.command("ip", "netns", "add", h.NS); err != nil {
		return err
	}
	w.spaces = append(w.spaces, h.NS)
	v6 := "1"
	if w.v6 {
		v6 = "0"
	}
	for _, kv := range [][2]string{
		{"net/ipv6/conf/all/disable_ipv6", v6},
		{"net/ipv6/conf/default/disable_ipv6", v6},
		{"net/ipv6/conf/default/accept_dad", "0"}, // addresses usable at once
		{"net/ipv6/conf/all/forwarding", "0"},
	} {
		if err := h.sysctl(kv[0], kv[1]); err != nil {
			return err
		}
	}
	_, err := w.command("ip", "-n", h.NS, "link", "set", "lo", "up")
	return err
}

// plug joins h to the node with a veth pair.
func (w *world) plug(h *host) error {
	cable := "v-" + h.name
	steps := [][]string{
		{"-n", w.node.NS, "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", h.NS},
		{"-n", w.node.NS, "addr", "add", gateway(h.ip).String() + "/24", "dev", cable},
		{"-n", w.node.NS, "link", "set", cable, "up"},
		{"-n", h.NS, "addr", "add", h.ip.String() + "/24", "dev", "eth0"},
		{"-n", h.NS, "link", "set", "eth0", "up"},
		{"-n", h.NS, "route", "add", "default", "via", gateway(h.ip).String()},
	}
	if w.v6 {
		steps = append(steps,
			[]string{"-n", w.node.NS, "addr", "add", gateway(h.ip6).String() + "/64", "dev", cable, "nodad"},
			[]string{"-n", h.NS, "addr", "add", h.ip6.String() + "/64", "dev", "eth0", "nodad"},
			[]string{"-n", h.NS, "addr", "add", "::6/128", "dev", "lo", "nodad"},
			[]string{"-n", h.NS, "route", "add", "default", "via", gateway(h.ip6).String()})
	}
	for _, s := range steps {
		if _, err := w.command("ip", s...); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes namespaces of runs that were killed: their names hold the id
// of a process that is gone.
func (w *world) sweep() {
	out, err := w.command("ip", "netns", "list")
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
		_, _ = w.command("ip", "netns", "del", name)
	}
}

// in runs f on a thread of its own inside the namespace, its sockets owned by
// uid. The thread ends with f, so nothing else ever runs there.
func (h *host) in(uid int, f func() error) error { return h.as(account{uid, uid}, f) }

// account is whose sockets are.
type account struct{ uid, gid int }

// as is in with a group of its own.
func (h *host) as(who account, f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the runtime ends the thread
		done <- h.enter(who, f)
	}()
	return <-done
}

func (h *host) enter(who account, f func() error) error {
	fd, err := unix.Open("/run/netns/"+h.NS, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("namespace %s: %w", h.NS, err)
	}
	defer unix.Close(fd)
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter namespace %s: %w", h.NS, err)
	}
	if who != (account{}) { // the owner match looks at the file system ids of the socket's creator
		if err := unix.Setfsgid(who.gid); err != nil {
			return fmt.Errorf("become group %d: %w", who.gid, err)
		}
		if err := unix.Setfsuid(who.uid); err != nil {
			return fmt.Errorf("become user %d: %w", who.uid, err)
		}
	}
	return f()
}

func (h *host) sysctl(key, value string) error {
	return h.in(0, func() error { return os.WriteFile("/proc/sys/"+key, []byte(value), 0o644) })
}

// dialTCP connects from inside h. from may be the zero AddrPort.
func (h *host) dialTCP(ctx context.Context, uid int, from, to netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second, KeepAlive: -1, Control: reuseAddr}
	if from.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(from)
	}
	var c net.Conn
	err := h.in(uid, func() (err error) {
		c, err = d.DialContext(ctx, "tcp", to.String())
		return err
	})
	return c, err
}

// listenTCP listens inside h.
func (h *host) listenTCP(ctx context.Context, at netip.AddrPort) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false)
	var l net.Listener
	err := h.in(0, func() (err error) {
		l, err = lc.Listen(ctx, "tcp", at.String())
		return err
	})
	return l, err
}

// dialUDP makes a socket in h that is owned by uid and sends to one server.
func (h *host) dialUDP(uid int, from, to netip.AddrPort) (*net.UDPConn, error) {
	var local *net.UDPAddr
	if from.IsValid() {
		local = net.UDPAddrFromAddrPort(from)
	}
	var c *net.UDPConn
	err := h.in(uid, func() (err error) {
		c, err = net.DialUDP("udp4", local, net.UDPAddrFromAddrPort(to))
		return err
	})
	return c, err
}

// owns says whether an address is the host's.
func (h *host) owns(a netip.Addr) bool { return a == h.ip || a == h.ip6 }

// at is a port at the host's address.
func (h *host) at(port int) netip.AddrPort { return netip.AddrPortFrom(h.ip, uint16(port)) }
