package main

import (
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

const portsLong = `Print which component of a service mesh listens where, and what a capture taken
in a pod shows of it. With ports given, only these.

With --sockets it lists instead who listens in a pod, and tells the mesh from the
application: by process, uid and port. A FILE has what ss -ltnpe, lsof -nP -i or
netstat -tlnp prints there, or /proc/net/tcp and tcp6; several complete each other.`

const portsExample = `  pcapmesh ports
  pcapmesh ports --mesh linkerd 4143
  kubectl exec POD -c istio-proxy -- ss -ltnpe | pcapmesh ports --sockets -`

func newPorts(o *options) *cobra.Command {
	format, name := "", ""
	var dumps []string
	cmd := &cobra.Command{
		Use:     "ports [PORT...]",
		Short:   "Which mesh component listens where, and what a capture shows of it",
		Long:    portsLong,
		Example: portsExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			p := profile.Named(name)
			if len(dumps) > 0 {
				return listenersOf(cmd, o, p, dumps, args, format)
			}
			list, err := choosePorts(p, args)
			if err != nil {
				return err
			}
			return printPorts(cmd.OutOrStdout(), p, list, format)
		},
	}
	cmd.Flags().VarP(oneOf(&format, "table", "json", "csv"), "output", "o", "`FORMAT` is table, json or csv")
	cmd.Flags().StringArrayVar(&dumps, "sockets", nil, "`FILE` that lists sockets of a pod, - for stdin: who listens there")
	cmd.Flags().Var(oneOf(&name, meshNames()...), "mesh", meshUsage())
	return cmd
}

// choosePorts returns the listeners at the ports given, all if none is.
func choosePorts(p *profile.Profile, args []string) ([]profile.Port, error) {
	if len(args) == 0 {
		return p.Ports, nil
	}
	var out []profile.Port
	for _, arg := range args {
		n, err := parsePort(arg)
		if err != nil {
			return nil, err
		}
		found := len(out)
		for _, l := range p.Ports {
			if l.Number == n {
				out = append(out, l)
			}
		}
		if len(out) == found {
			return nil, usagef("pcapmesh ports lists those of "+p.Title, "port %s: none of %s", arg, p.Title)
		}
	}
	return out, nil
}

// parsePort reads the number of a port.
func parsePort(arg string) (uint16, error) {
	n, err := strconv.ParseUint(arg, 10, 16)
	if err != nil {
		return 0, usagef("give numbers, as in pcapmesh ports 15001 15006", "port %s: not a port number", arg)
	}
	return uint16(n), nil
}

// printPorts prints ports in the format that was asked for.
func printPorts(w io.Writer, p *profile.Profile, list []profile.Port, format string) error {
	switch format {
	case "json":
		return report.PortsJSON(w, p, list)
	case "csv":
		return report.PortsCSV(w, list)
	}
	return report.Ports(w, list)
}
