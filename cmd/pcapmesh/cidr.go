package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pcapmesh/pcapmesh/capture/filter"
	"github.com/pcapmesh/pcapmesh/internal/report"
)

const cidrLong = `Print networks as tcpdump takes them: with no bit set behind the prefix.

Takes 192.168.0.0/12, 10.1.2.3/255.0.0.0, 10.1.2.3 mask 255.0.0.0, IPv6, bare
addresses, tcpdump's short nets (10.1 is 10.1.0.0/16), and whole command lines or
files with networks in them. In such text only what has a prefix length or mask
counts. Prints one network a line, in order of appearance, repeats included; -v
explains each in the lines below it.`

const cidrExample = `  tcpdump -i eth0 net $(pcapmesh cidr 192.168.0.0/12)
  pcapmesh cidr -v 10.1.2.3 mask 255.255.240.0
  pcapmesh cidr kube-controller-manager --cluster-cidr=192.168.0.0/12,fd00:10:244::/56
  kubectl cluster-info dump | pcapmesh cidr`

const hintNetwork = "write a network like 192.168.0.0/12, 10.1.2.3 mask 255.0.0.0 or fd00::/8"

func newCidr(o *options) *cobra.Command {
	format := ""
	cmd := &cobra.Command{
		Use:     "cidr [NETWORK... | -]",
		Short:   "Make networks valid for tcpdump: 192.168.0.0/12 is 192.160.0.0/12",
		Long:    cidrLong,
		Example: cidrExample,
		// Command lines are pasted with their flags, so splitArgs decides which
		// flags are ours.
		DisableFlagParsing: true,
	}
	cmd.Flags().VarP(oneOf(&format, "text", "json"), "output", "o", "`FORMAT` is text or json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		text, help, err := splitArgs(cmd, args)
		if err != nil {
			return err
		}
		if help {
			return cmd.Help()
		}
		list, err := readNetworks(cmd.InOrStdin(), text)
		return errors.Join(printNetworks(cmd.OutOrStdout(), list, format, o.verbose), err)
	}
	return cmd
}

// printNetworks prints networks in the format that was asked for.
func printNetworks(w io.Writer, list []filter.Network, format string, verbose bool) error {
	switch {
	case format == "json":
		return report.NetworksJSON(w, list)
	case verbose:
		return report.NetworksInFull(w, list)
	}
	return report.Networks(w, list)
}

// readNetworks finds the networks of a text, or those of stdin. What was found
// is returned with an error.
func readNetworks(stdin io.Reader, text string) (list []filter.Network, err error) {
	switch {
	case text == "" && isTerminal(stdin):
		return nil, usagef(hintNetwork, "no network given")
	case text == "" || text == "-":
		text = "the input"
		list, err = networksOfLines(stdin)
	default:
		list, err = filter.FindNetworks(text)
	}
	if err != nil {
		return list, usageOrInput(err)
	}
	if len(list) == 0 {
		return nil, usagef(hintNetwork, "no network in %s", text)
	}
	return list, nil
}

// maxLine bounds a line of stdin: process lists and JSON dumps have long ones.
const maxLine = 64 << 20

// networksOfLines reads each line on its own; a list of bare addresses, one a
// line, is a list of networks.
func networksOfLines(r io.Reader) ([]filter.Network, error) {
	var out []filter.Network
	var errs []error
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		list, err := filter.FindNetworks(strings.ToValidUTF8(lines.Text(), " "))
		out = append(out, list...)
		errs = append(errs, err)
	}
	if err := lines.Err(); err != nil {
		errs = append(errs, fmt.Errorf("standard input: %w", err))
	}
	return out, errors.Join(errs...)
}

// usageOrInput makes mistakes in networks usage errors; what reading reports
// stays an input error.
func usageOrInput(err error) error {
	var bad *filter.Error
	if errors.As(err, &bad) {
		return &usageError{err: err}
	}
	return err
}
