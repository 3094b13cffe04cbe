package main

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// adviceFlags are the flags of "filter --pod-ip IP inbound|outbound".
type adviceFlags struct {
	podIPs, services []string
	ports, endpoints []string
	iface, mesh      string
}

// register adds the flags to a command.
func (a *adviceFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&a.podIPs, "pod-ip", nil, "print capture commands for the pod with this `IP` (both of a dual-stack pod)")
	f.StringSliceVar(&a.ports, "port", nil, "inbound: `PORT` of the application; outbound: PORT it dials")
	f.StringSliceVar(&a.services, "service", nil, "outbound: `IP` it dials")
	f.StringSliceVar(&a.endpoints, "endpoint-port", nil, "outbound: `PORT` of the servers behind the service")
	f.StringVarP(&a.iface, "interface", "i", "eth0", "`NAME` of the pod's network interface")
	f.Var(oneOf(&a.mesh, meshNames()...), "mesh", meshUsage())
}

// given reports whether a capture command is asked for rather than a rewriting.
func (a *adviceFlags) given() bool {
	return len(a.podIPs)+len(a.services)+len(a.ports)+len(a.endpoints) > 0
}

// advise prints the commands that capture what is asked for.
func advise(cmd *cobra.Command, a *adviceFlags, args []string, format string) error {
	const hint = "pcapmesh filter --pod-ip 10.244.1.10 --port 8080 inbound"
	if len(a.podIPs) == 0 {
		return usagef(hint, "capture commands need the address of the pod")
	}
	if len(args) != 1 || args[0] != "inbound" && args[0] != "outbound" {
		return usagef(hint, "say inbound for what clients ask of the pod, outbound for what it asks of others")
	}
	q, err := a.question()
	if err != nil {
		return &usageError{err: err, hint: hint}
	}
	ask := profile.InboundAdvice
	if args[0] == "outbound" {
		ask = profile.OutboundAdvice
	}
	list, err := ask(q)
	if err != nil {
		return &usageError{err: err, hint: hint}
	}
	if format == "json" {
		return report.AdviceJSON(cmd.OutOrStdout(), list)
	}
	return report.Advice(cmd.OutOrStdout(), args[0], list)
}

// question returns what is asked for.
func (a *adviceFlags) question() (*profile.CaptureQuestion, error) {
	q := &profile.CaptureQuestion{Profile: profile.Named(a.mesh), Interface: a.iface}
	if strings.ContainsAny(a.iface, " \t\n/'\"$`;&|<>()\\") || a.iface == "" {
		return nil, fmt.Errorf("interface %q: no name of one", a.iface)
	}
	var err error
	if q.PodAddrs, err = parseAddrs(a.podIPs); err != nil {
		return nil, err
	}
	if q.ServiceAddrs, err = parseAddrs(a.services); err != nil {
		return nil, err
	}
	if q.Ports, err = parsePorts(a.ports); err != nil {
		return nil, err
	}
	q.EndpointPorts, err = parsePorts(a.endpoints)
	return q, err
}

// parseAddrs reads the addresses of a flag.
func parseAddrs(list []string) ([]netip.Addr, error) {
	var out []netip.Addr
	for _, s := range list {
		a, err := netip.ParseAddr(strings.TrimSpace(s))
		if err != nil {
			return nil, fmt.Errorf("address %q: not an IP address", s)
		}
		out = append(out, a)
	}
	return out, nil
}

// parsePorts reads the ports of a flag.
func parsePorts(list []string) ([]uint16, error) {
	var out []uint16
	for _, s := range list {
		p, err := strconv.ParseUint(strings.TrimSpace(s), 10, 16)
		if err != nil || p == 0 {
			return nil, fmt.Errorf("port %q: not a number from 1 to 65535", s)
		}
		out = append(out, uint16(p))
	}
	return out, nil
}
