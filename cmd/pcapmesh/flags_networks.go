package main

import (
	"net/netip"
	"strings"

	"github.com/spf13/pflag"

	"github.com/pcapmesh/pcapmesh/capture/filter"
	"github.com/pcapmesh/pcapmesh/mesh/cluster"
)

// networkFlags name the networks of the cluster.
type networkFlags struct{ pods, services []string }

// register adds the flags to a set.
func (f *networkFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.pods, "pod-cidr", nil, "`CIDR` of the cluster's pods, or the command line of kube-controller-manager; tells what comes to a gateway from what it sends on")
	fs.StringArrayVar(&f.services, "service-cidr", nil, "`CIDR` of the cluster's services, or the command line of kube-apiserver")
}

// networks reads the values of the flags.
func (f *networkFlags) networks() (n cluster.Networks, err error) {
	if n.Pods, err = prefixes("--pod-cidr", f.pods, "--cluster-cidr"); err != nil {
		return n, err
	}
	n.Services, err = prefixes("--service-cidr", f.services, "--service-cluster-ip-range")
	return n, err
}

// prefixes reads the values of a flag: networks, with host bits cleared, or a
// command line that has them as the value of option.
func prefixes(flag string, values []string, option string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, v := range values {
		list, err := filter.FindNetworks(optionValue(v, option))
		if err == nil && len(list) == 0 {
			return nil, usagef(flag+" 10.244.0.0/16", "%s %q: no network in it", flag, v)
		}
		if err != nil {
			return nil, usagef(flag+" 10.244.0.0/16", "%s: %w", flag, err)
		}
		for _, n := range list {
			out = append(out, n.Prefix)
		}
	}
	return out, nil
}

// optionValue returns the value that option has in a command line, pasted or
// from a pod's YAML; the text itself if it is none.
func optionValue(text, option string) string {
	_, rest, ok := strings.Cut(text, option)
	if !ok {
		return text
	}
	words := strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune(" \t\r\n=\"'", r) })
	if len(words) == 0 {
		return ""
	}
	return words[0]
}
