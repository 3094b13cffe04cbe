package profile

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// An Advice is one capture to take: on which interface, with which pcap-filter(7)
// expression, and why it reads so.
type Advice struct {
	Interface string
	Filter    string
	Why       []string // sentences for people
}

// A CaptureQuestion says which conversations of a pod are to be captured.
type CaptureQuestion struct {
	Profile       *Profile     // nil = Istio
	Interface     string       // of the pod's network; "" = eth0
	PodAddrs      []netip.Addr // at least one; of a dual-stack pod both
	Ports         []uint16     // inbound: of the application, at least one; outbound: as dialled, none = all
	ServiceAddrs  []netip.Addr // outbound: as dialled, none = all
	EndpointPorts []uint16     // outbound: of the servers behind the services, none = any
}

// InboundAdvice returns how to capture what clients ask of the pod's
// application: their connections to the pod, and the proxy's to the application
// on lo. Of the question it needs PodAddrs and Ports.
func InboundAdvice(q *CaptureQuestion) ([]Advice, error) {
	a, err := newAdviser(q)
	if err != nil {
		return nil, err
	}
	if len(q.Ports) == 0 {
		return nil, fmt.Errorf("no port of the application given")
	}
	return []Advice{
		{a.iface, a.each(a.inboundWire), a.inboundWireWhy()},
		{"lo", a.each(a.inboundLoopback), a.inboundLoopbackWhy()},
	}, nil
}

// OutboundAdvice returns how to capture what the pod's application asks of
// others: its redirected connections on lo, and the proxy's own on the pod's
// interface. Of the question it needs PodAddrs.
func OutboundAdvice(q *CaptureQuestion) ([]Advice, error) {
	a, err := newAdviser(q)
	if err != nil {
		return nil, err
	}
	lo := a.each(a.outboundLoopback)
	if lo == "" {
		return nil, fmt.Errorf("service and pod addresses are of different families")
	}
	return []Advice{
		{a.iface, a.outboundWire(), a.outboundWireWhy()},
		{"lo", lo, a.outboundLoopbackWhy()},
	}, nil
}

// An adviser writes the expressions for one question.
type adviser struct {
	*CaptureQuestion
	profile  *Profile
	iface    string
	pods     []netip.Addr
	services []netip.Addr
}

func newAdviser(q *CaptureQuestion) (*adviser, error) {
	a := &adviser{CaptureQuestion: q, profile: q.Profile, iface: q.Interface}
	if a.profile == nil {
		a.profile = Istio()
	}
	if a.iface == "" {
		a.iface = "eth0"
	}
	if len(q.PodAddrs) == 0 {
		return nil, fmt.Errorf("no address of the pod given")
	}
	var err error
	if a.pods, err = plainAddrs(q.PodAddrs); err != nil {
		return nil, err
	}
	a.services, err = plainAddrs(q.ServiceAddrs)
	return a, err
}

// plainAddrs refuses what cannot stand in an expression or cannot be a pod's.
func plainAddrs(list []netip.Addr) ([]netip.Addr, error) {
	out := make([]netip.Addr, len(list))
	for i, a := range list {
		switch out[i] = a.Unmap(); {
		case !a.IsValid() || a.Zone() != "":
			return nil, fmt.Errorf("address %s: none that an expression can hold", a)
		case a.IsUnspecified() || a.IsLoopback() || a.IsMulticast():
			return nil, fmt.Errorf("address %s: no pod or service has it", a)
		}
	}
	return out, nil
}

// An addrFamily is what differs between IPv4 and IPv6 in an expression.
type addrFamily struct {
	pods, services, binds []netip.Addr
	loopback              netip.Addr
}

// each joins what clause returns for each address family the pod has; "" if it
// has nothing for any.
func (a *adviser) each(clause func(addrFamily) []string) string {
	var all []string
	for _, six := range []bool{false, true} {
		f := addrFamily{
			pods:     ofFamily(a.pods, six),
			services: ofFamily(a.services, six),
			binds:    ofFamily(a.profile.BindSources, six),
			loopback: netip.AddrFrom4([4]byte{127, 0, 0, 1}),
		}
		if six {
			f.loopback = netip.IPv6Loopback()
		}
		if len(f.pods) > 0 {
			all = append(all, clause(f)...)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return "tcp and (" + strings.Join(all, " or ") + ")"
}

func ofFamily(list []netip.Addr, six bool) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(list), func(a netip.Addr) bool { return a.Is6() != six })
}

// inboundWire matches the clients' connections. Behind the tap they are
// redirected, so they show as dialled; only answers that lost their conntrack
// entry come from the proxy's port.
func (a *adviser) inboundWire(f addrFamily) []string {
	pod, at := hostOperand(f.pods), portOperand(a.Ports, a.profile.InboundPorts, a.profile.TunnelPorts)
	return []string{
		"(dst host " + pod + " and dst port " + at + ")",
		"(src host " + pod + " and src port " + at + ")",
	}
}

// inboundLoopback matches the proxy's connections to the application, and both
// halves of what the pod's proxy sends to itself.
func (a *adviser) inboundLoopback(f addrFamily) []string {
	app, pod := portOperand(a.Ports), hostOperand(f.pods)
	self := "(host " + f.loopback.String() + " and port " + portOperand(a.profile.InboundPorts) + ")"
	if a.profile.KeepsSource {
		return []string{
			"(dst host " + pod + " and dst port " + app + ")",
			"(src host " + pod + " and src port " + app + ")",
			self,
		}
	}
	own := hostOperand(append(f.binds, f.loopback))
	return []string{
		"(port " + app + " and (host " + own + " or src and dst host " + pod + "))",
		self,
	}
}

// outboundWire matches the proxy's own connections. Which endpoint and port it
// picks is not known before, so without EndpointPorts it leaves out only the
// mesh's own traffic.
func (a *adviser) outboundWire() string {
	pod := hostOperand(a.pods)
	if len(a.EndpointPorts) > 0 {
		ends := portOperand(a.EndpointPorts, a.Ports, a.profile.TunnelPorts)
		return "tcp and ((src host " + pod + " and dst port " + ends + ") or (dst host " + pod + " and src port " + ends + "))"
	}
	var control []uint16
	for _, p := range a.profile.Ports {
		if p.Control && p.Scope == ScopeWire {
			control = append(control, p.Number)
		}
	}
	if len(control) == 0 {
		return "tcp and host " + pod
	}
	return "tcp and host " + pod + " and not port " + portOperand(control)
}

// outboundLoopback matches the two half-flows of each redirected connection, and
// answers that lost their conntrack entry and come from the proxy's port.
func (a *adviser) outboundLoopback(f addrFamily) []string {
	if len(a.services) > 0 && len(f.services) == 0 {
		return nil
	}
	pod, proxy := hostOperand(f.pods), f.loopback.String()
	taken := portOperand(a.profile.OutboundPorts)
	answer := "dst host " + pod
	if len(f.services) > 0 {
		answer += " and src host " + hostOperand(f.services)
	} else {
		answer += " and not src host " + hostOperand(slices.Concat(f.pods, f.binds, []netip.Addr{f.loopback}))
	}
	if len(a.Ports) > 0 {
		answer += " and src port " + portOperand(a.Ports)
	}
	return []string{
		"(src host " + pod + " and dst host " + proxy + " and dst port " + taken + ")",
		"(src host " + proxy + " and src port " + taken + " and dst host " + pod + ")",
		"(" + answer + ")",
	}
}

// hostOperand writes addresses as the operand of host: one, or a list in parentheses.
func hostOperand(list []netip.Addr) string {
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = a.String()
	}
	return operand(out)
}

// portOperand writes port numbers as the operand of port, each once.
func portOperand(lists ...[]uint16) string {
	var out []string
	for _, p := range slices.Concat(lists...) {
		if s := strconv.Itoa(int(p)); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return operand(out)
}

func operand(list []string) string {
	if len(list) == 1 {
		return list[0]
	}
	return "(" + strings.Join(list, " or ") + ")"
}
