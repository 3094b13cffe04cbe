package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh/record"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/istio"
)

// ruleset reads the rules given, or makes the default ones.
func (f *explainFlags) ruleset(cmd *cobra.Command, o *options) (*rules.Ruleset, error) {
	if len(f.in.records.files[record.Rules]) == 0 {
		if f.in.mesh != meshAuto && f.in.mesh != "istio" {
			return nil, usagef("--rules FILE, with what iptables-save or nft list ruleset prints in the pod", "no rules of %s are built in", f.in.mesh)
		}
		a := istio.DefaultArgs()
		return rules.Made(&a), nil
	}
	set := &rules.Ruleset{}
	for _, name := range f.in.records.files[record.Rules] {
		if err := readRules(set, name, cmd.InOrStdin()); err != nil {
			return nil, err
		}
	}
	if !o.quiet {
		warnRules(cmd.ErrOrStderr(), set)
	}
	return set, nil
}

// readRules adds the rules of one file; - is stdin.
func readRules(set *rules.Ruleset, name string, stdin io.Reader) error {
	in := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	err := set.Read(in)
	if errors.Is(err, rules.ErrNoRules) {
		return &hintedError{fmt.Errorf("%s: %w", name, err), "iptables-save, ip6tables-save or nft list ruleset print them, in the pod's network namespace"}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// warnRules names lines that look like rules and are none.
func warnRules(w io.Writer, set *rules.Ruleset) {
	n, first := set.Malformed()
	for _, m := range first {
		fmt.Fprintf(w, "pcapmesh: rules line %d: %s\n", m.Line, report.OneLine(m.Why))
	}
	if more := n - len(first); more > 0 {
		fmt.Fprintf(w, "pcapmesh: %d more lines of the rules cannot be used\n", more)
	}
}

// known plays the well-known flows, in the pod that was named.
func (f *explainFlags) known(set *rules.Ruleset) ([]rules.Flow, error) {
	pods, err := f.in.knownPods()
	if err != nil {
		return nil, err
	}
	var c rules.Cast
	if len(pods) > 0 {
		c.Pod = pods[0].Addrs[0]
	}
	if f.uid > 0 {
		c.UID = uint32(f.uid)
	}
	return set.Flows(c), nil
}
