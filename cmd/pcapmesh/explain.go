package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
)

const explainLong = `Follow a connection through the firewall rules of a pod, rule by rule, as the
kernel does, and say what captures on eth0 and lo show of it.

Rules are read in any form: iptables-save, ip6tables-save, iptables -S or -L -n -v,
nft list ruleset, the log of istio-init or its arguments, as pasted from a pod's
manifest. Without --rules, those that Istio gives a sidecar by default are used.

Without a connection, the flows that everybody asks about are drawn: a client to
the application, the application to a service, metrics past the proxy, the
application to itself, the proxy on localhost, the agent to the control plane.`

const explainExample = `  kubectl exec POD -c istio-proxy -- iptables-save | pcapmesh explain --rules -
  pcapmesh explain --pod-ip 10.244.1.10 10.244.1.10 10.96.10.1:80
  pcapmesh explain --rules rules.txt --uid 1337 10.244.1.10 10.244.1.10:8080
  pcapmesh explain --rules rules.txt --in eth0 'tcp 192.0.2.10:40112 > 10.244.1.10:8080'
  pcapmesh explain --rules rules.txt --leg 3 eth0.pcap lo.pcap`

// explainFlags are the flags of explain.
type explainFlags struct {
	in       inputFlags
	uid, gid int64 // -1: not given
	from, to string
	leg      int
	format   string
}

func newExplain(o *options) *cobra.Command {
	f := &explainFlags{}
	cmd := &cobra.Command{
		Use:     "explain [SRC[:PORT] DST:PORT]\n  pcapmesh explain --leg N FILE...",
		Short:   "Follow a connection through firewall rules, and say what captures show of it",
		Long:    explainLong,
		Example: explainExample,
		RunE:    func(cmd *cobra.Command, args []string) error { return f.run(cmd, o, args) },
	}
	f.in.register(cmd)
	flags := cmd.Flags()
	flags.Int64Var(&f.uid, "uid", -1, "`ID` of the user whose socket it is (default: an application's)")
	flags.Int64Var(&f.gid, "gid", -1, "`ID` of the group (default: that of --uid)")
	flags.StringVar(&f.from, "in", "", "the `INTERFACE` that the connection comes in by")
	flags.StringVar(&f.to, "out", "", "the `INTERFACE` that it is routed to, if the pod makes it")
	flags.IntVar(&f.leg, "leg", -1, "explain this leg of the captures, as flows numbers them")
	flags.VarP(oneOf(&f.format, "text", "json"), "output", "o", "`FORMAT` is text or json")
	return cmd
}

func (f *explainFlags) run(cmd *cobra.Command, o *options, args []string) error {
	set, err := f.ruleset(cmd, o)
	if err != nil {
		return err
	}
	var list []rules.Flow
	var partial error
	switch {
	case f.leg >= 0:
		list, partial, err = f.ofLeg(cmd, o, set, args)
	case len(args) > 0:
		list, err = f.ofTuple(set, args)
	default:
		list, err = f.known(set)
	}
	if err != nil {
		return err
	}
	if f.format == "json" {
		return errors.Join(report.ExplanationJSON(cmd.OutOrStdout(), set.Mesh(), list), partial)
	}
	detail := report.ExplainOptions{Rules: o.verbose || len(args) > 0}
	return errors.Join(report.Explanation(cmd.OutOrStdout(), list, detail), partial)
}
