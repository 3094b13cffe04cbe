//go:build linux

package firewall

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// A Firewall is a pod with firewall rules and a peer on the other end of its
// eth0: what the kernel makes of connections under rules is read off conntrack.
type Firewall struct {
	w         *world.World
	pod, peer *world.Host
}

// Addrs returns the addresses in a Firewall: the pod's first, the second
// one of its eth0, and the peer's.
func Addrs(v6 bool) (pod, second, peer netip.Addr) {
	base := "10.244.1."
	if v6 {
		base = "fd00:10:244:1::"
	}
	return netip.MustParseAddr(base + "10"), netip.MustParseAddr(base + "11"), netip.MustParseAddr(base + "1")
}

// Missing says what this machine lacks for a Firewall, or returns nil.
func Missing() error {
	if err := world.Missing(); err != nil {
		return err
	}
	for _, tool := range []string{"nft", "iptables", "iptables-save", "ip6tables-save"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("needs %s", tool)
		}
	}
	return nil
}

// New makes the two network namespaces, without rules. Something listens
// at ports, with TCP and both families.
func New(ctx context.Context, ports []uint16) (*Firewall, error) {
	w, err := world.New(ctx, "", "", 1, true)
	if err != nil {
		return nil, err
	}
	f := &Firewall{w: w, pod: w.Host("a"), peer: &world.Host{Name: "peer", NS: w.Prefix + "peer"}}
	if err := f.build(ports); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (f *Firewall) build(ports []uint16) error {
	for _, h := range []*world.Host{f.pod, f.peer} {
		if err := f.w.MakeNS(h); err != nil {
			return err
		}
	}
	steps := [][]string{
		{"-n", f.peer.NS, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", f.pod.NS},
		{"-n", f.pod.NS, "addr", "add", "::6/128", "dev", "lo", "nodad"},
	}
	for _, h := range []*world.Host{f.pod, f.peer} {
		steps = append(steps, []string{"-n", h.NS, "link", "set", "eth0", "up"})
	}
	for _, v6 := range []bool{false, true} {
		pod, second, peer := Addrs(v6)
		bits := "/24"
		if v6 {
			bits = "/64"
		}
		steps = append(steps,
			[]string{"-n", f.pod.NS, "addr", "add", pod.String() + bits, "dev", "eth0"},
			[]string{"-n", f.pod.NS, "addr", "add", second.String() + bits, "dev", "eth0"},
			[]string{"-n", f.peer.NS, "addr", "add", peer.String() + bits, "dev", "eth0"},
			[]string{"-n", f.pod.NS, "route", "add", "default", "via", peer.String(), "dev", "eth0"})
	}
	for _, s := range steps {
		if _, err := f.w.Command("ip", s...); err != nil {
			return err
		}
	}
	return f.listen(ports)
}

// listen answers connections, for what nobody answers leaves no entry.
func (f *Firewall) listen(ports []uint16) error {
	for _, h := range []*world.Host{f.pod, f.peer} {
		for _, port := range ports {
			l, err := h.ListenTCP(f.w.Ctx, netip.AddrPortFrom(netip.IPv6Unspecified(), port))
			if err != nil {
				return err
			}
			f.w.Later(func() { l.Close() })
			go drain(l)
		}
	}
	return nil
}

// drain takes connections and ends them.
func drain(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		c.Close()
	}
}

// Close removes the namespaces.
func (f *Firewall) Close() { f.w.Close() }

// Load replaces all rules of the pod. Each text goes to the program that it is
// for: iptables-restore, ip6tables-restore or nft -f -.
func (f *Firewall) Load(texts map[string]string) error {
	if _, err := f.Run("nft", "flush", "ruleset"); err != nil {
		return err
	}
	for _, program := range []string{"iptables-restore", "ip6tables-restore", "nft -f -"} {
		if text, ok := texts[program]; ok {
			if err := f.w.Feed(f.pod, text, strings.Fields(program)...); err != nil {
				return fmt.Errorf("%w\n%s", err, text)
			}
		}
	}
	return nil
}

// Run runs a program in the pod and returns what it prints.
func (f *Firewall) Run(args ...string) (string, error) { return f.w.Inside(f.pod, args...) }

// A Probe is a connection to try.
type Probe struct {
	Inbound  bool // from the peer; else from the pod
	UDP      bool
	UID, GID int // of the pod's process
	From, To netip.AddrPort
}

// An Entry is what conntrack has of a Probe.
type Entry struct {
	Sent     bool           // the packet met the rules; else there was no route, or the port was taken
	Seen     bool           // there is an entry
	Answers  netip.AddrPort // reply.src: where the packet went
	Zone     int
	ConnMark uint32
	// Unreplied tells that nothing came back: the entry is the first packet's
	// alone.
	Unreplied bool
	// Again holds entries of the same tuple in other zones: where the two
	// directions of a connection are in different zones, later packets look like
	// another connection.
	Again []Entry
}

// Try sends the first packets of all probes and returns what conntrack has of
// each. Their sources must differ. The sockets stay open until then: a closed
// one has no owner, and what it still sends may pass other rules.
func (f *Firewall) Try(probes []Probe) ([]Entry, error) {
	if _, err := f.Run("conntrack", "-F"); err != nil {
		return nil, err
	}
	out := make([]Entry, len(probes))
	var open []int
	defer func() {
		for _, fd := range open {
			_ = unix.Close(fd)
		}
	}()
	for i, p := range probes {
		h := f.pod
		if p.Inbound {
			h = f.peer
		}
		err := h.In(0, func() error {
			fd, err := p.send()
			out[i].Sent = err == nil || errors.Is(err, unix.EPERM) // a rule drops it
			if fd >= 0 {
				open = append(open, fd)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	// What goes over the veth may wait for its turn, and a dump may miss entries
	// while others come: what is not there is looked for again.
	for range 3 {
		time.Sleep(50 * time.Millisecond)
		if err := f.entries(probes, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// send sends the first packet and does not wait for an answer. It runs on a
// thread that nothing else uses. The socket is -1 if there is none.
func (p *Probe) send() (fd int, err error) {
	if err := unix.Setfsgid(p.GID); err != nil {
		return -1, err
	}
	if err := unix.Setfsuid(p.UID); err != nil {
		return -1, err
	}
	family, kind := unix.AF_INET, unix.SOCK_STREAM
	if p.To.Addr().Is6() {
		family = unix.AF_INET6
	}
	if p.UDP {
		kind = unix.SOCK_DGRAM
	}
	if fd, err = unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return fd, err
	}
	if err := unix.Bind(fd, sockaddr(p.From)); err != nil {
		return fd, err
	}
	if err := unix.Connect(fd, sockaddr(p.To)); err != nil && err != unix.EINPROGRESS {
		return fd, err
	}
	if p.UDP {
		_, err = unix.Write(fd, []byte("?"))
	}
	return fd, err
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// entries reads conntrack's table.
func (f *Firewall) entries(probes []Probe, out []Entry) error {
	index := map[string]int{}
	for i, p := range probes {
		if !out[i].Seen {
			index[p.key()] = i
		}
	}
	if len(index) == 0 {
		return nil
	}
	for _, family := range []string{"ipv4", "ipv6"} {
		text, err := f.Run("conntrack", "-L", "-f", family)
		if err != nil {
			return err
		}
		for line := range strings.Lines(text) {
			words := strings.Fields(line)
			if len(words) == 0 {
				continue
			}
			if i, ok := index[keyOf(words)]; ok {
				var e Entry
				e.read(words)
				if e.Sent = out[i].Sent; out[i].Seen {
					out[i].Again = append(out[i].Again, e)
				} else {
					out[i] = e
				}
			}
		}
	}
	return nil
}

// key names a probe as keyOf names its entry.
func (p *Probe) key() string {
	proto := "tcp"
	if p.UDP {
		proto = "udp"
	}
	return fmt.Sprint(proto, p.From, p.To)
}

// keyOf names an entry by its original direction, which comes first.
func keyOf(words []string) string {
	t := tupleOf(words, 0)
	return fmt.Sprint(words[0], t[0], t[1])
}

// tupleOf returns source and destination of a direction, 0 or 1.
func tupleOf(words []string, direction int) (ends [2]netip.AddrPort) {
	v := map[string]string{}
	n := -1
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		if key == "src" {
			n++
		}
		if n == direction {
			if _, had := v[key]; !had {
				v[key] = value
			}
		}
	}
	return [2]netip.AddrPort{world.Endpoint(v["src"], world.Number(v["sport"])), world.Endpoint(v["dst"], world.Number(v["dport"]))}
}

// read takes what an entry says.
func (e *Entry) read(words []string) {
	e.Seen, e.Answers = true, tupleOf(words, 1)[0]
	e.Unreplied = slices.Contains(words, "[UNREPLIED]") && words[0] == "tcp" && e.Answers.Addr().Is4() // UDP, and IPv6 without a route, are answered by ICMP
	for _, w := range words {
		switch key, value, _ := strings.Cut(w, "="); key {
		case "zone":
			e.Zone = world.Number(value)
		case "mark":
			e.ConnMark = uint32(world.Number(value))
		}
	}
}
