package main

import (
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/cluster"
)

// inputFlags are the flags of commands that read captures.
type inputFlags struct {
	pods       []string
	podIPs     []string
	interfaces []string
	keyLogs    []string
	records    recordFlags
	networks   networkFlags
	mesh       string
}

// meshAuto is the value of --mesh that leaves it to the captures.
const meshAuto = "auto"

// register adds the flags to a command.
func (f *inputFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.pods, "pod", nil, "`NAME=FILE,FILE`: these captures are of one pod (default: all are)")
	cmd.Flags().StringSliceVar(&f.podIPs, "pod-ip", nil, "`[NAME=]IP` of the pod, where the captures do not tell")
	cmd.Flags().StringArrayVar(&f.keyLogs, "keylog", nil, "`FILE` with TLS secrets (SSLKEYLOGFILE) to decrypt with; pcapng captures may hold their own")
	cmd.Flags().StringArrayVar(&f.interfaces, "interface", nil, "`NAME=FILE`: the interface that a capture was taken on")
	cmd.Flags().Var(oneOf(&f.mesh, append([]string{meshAuto}, meshNames()...)...), "mesh", "`MESH` whose ports and habits to expect; auto recognises it from --rules or the captures")
	f.records.register(cmd.Flags())
	f.networks.register(cmd.Flags())
}

// inputs puts files, groups and interface names together.
func (f *inputFlags) inputs(files []string) ([]mesh.Input, error) {
	var ins []mesh.Input
	for _, file := range files {
		ins = append(ins, mesh.Input{Name: file})
	}
	for _, p := range f.pods {
		name, list, ok := strings.Cut(p, "=")
		if !ok || name == "" || list == "" {
			return nil, usagef("--pod web=eth0.pcap,lo.pcap", "--pod %q: not NAME=FILE,FILE", p)
		}
		for file := range strings.SplitSeq(list, ",") {
			ins = append(ins, mesh.Input{Name: file, Pod: name})
		}
	}
	if len(ins) == 0 {
		return nil, usagef("pcapmesh stitch eth0.pcap lo.pcap", "no captures given")
	}
	for _, i := range f.interfaces {
		if !nameInterface(ins, i) {
			return nil, usagef("--interface eth0=FILE, with FILE as it is given as input", "--interface %q: names no input", i)
		}
	}
	return ins, nil
}

// nameInterface applies one --interface flag.
func nameInterface(ins []mesh.Input, flag string) bool {
	name, file, ok := strings.Cut(flag, "=")
	found := false
	for i := range ins {
		if ok && name != "" && (ins[i].Name == file || filepath.Base(ins[i].Name) == file) {
			ins[i].Interface = name
			found = true
		}
	}
	return found
}

// podNames lists the names given by --pod.
func podNames(ins []mesh.Input) []string {
	var names []string
	for _, in := range ins {
		names = append(names, in.Pod)
	}
	return names
}

// knownPods reads --pod-ip.
func (f *inputFlags) knownPods() ([]cluster.Pod, error) {
	var pods []cluster.Pod
	for _, s := range f.podIPs {
		name, ip, ok := strings.Cut(s, "=")
		if !ok {
			name, ip = "", s
		}
		a, err := netip.ParseAddr(ip)
		if err != nil {
			return nil, usagef("--pod-ip 10.244.1.10", "--pod-ip %q: not an IP address", s)
		}
		pods = append(pods, cluster.Pod{Name: name, Addrs: []netip.Addr{a.Unmap()}})
	}
	return pods, nil
}
