package main

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
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

func (f *inputFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.pods, "pod", nil, "`NAME=FILE,FILE`: these captures are of one pod (default: all are)")
	cmd.Flags().StringSliceVar(&f.podIPs, "pod-ip", nil, "`[NAME=]IP` of the pod, where the captures do not tell")
	cmd.Flags().StringArrayVar(&f.keyLogs, "keylog", nil, "`FILE` with TLS secrets (SSLKEYLOGFILE) to decrypt with; pcapng captures may hold their own")
	cmd.Flags().StringArrayVar(&f.interfaces, "interface", nil, "`NAME=FILE`: the interface that a capture was taken on")
	cmd.Flags().Var(oneOf(&f.mesh, append([]string{meshAuto}, meshNames()...)...), "mesh", "`MESH` whose ports and habits to expect; auto recognises it from --rules or the captures")
	f.records.register(cmd.Flags())
	f.networks.register(cmd.Flags())
}

// stitch reads the named captures and prints warnings about them. What could
// not be read of them is the second error; the first is final.
func (f *inputFlags) stitch(cmd *cobra.Command, o *options, files []string, opts mesh.Options) (r *mesh.Result, partial, err error) {
	inputs, err := f.inputs(files)
	if err != nil {
		return nil, nil, err
	}
	if opts.Pods, err = f.knownPods(); err != nil {
		return nil, nil, err
	}
	if opts.Networks, err = f.networks.networks(); err != nil {
		return nil, nil, err
	}
	opts.Profile = profile.Named(f.mesh) // nil for auto
	if opts.Records, err = f.records.records(podNames(inputs)); err != nil {
		return nil, nil, err
	}
	opts.KeyLogs = f.keyLogs
	opts.Reread = opts.Reread || len(f.keyLogs) > 0
	bar := newProgress(cmd.ErrOrStderr(), o.quiet, inputs)
	opts.Progress = bar.update
	r, err = mesh.Stitch(inputs, &opts)
	bar.finish()
	if err != nil {
		return nil, nil, err
	}
	if !o.quiet {
		f.warnKeys(cmd, r, opts.Reread)
		warnRecords(cmd.ErrOrStderr(), r)
	}
	return r, warn(cmd.ErrOrStderr(), o, r), nil
}

// inputs puts files, groups and interface names together.
func (f *inputFlags) inputs(files []string) ([]mesh.Input, error) {
	var ins []mesh.Input
	for _, file := range files {
		ins = append(ins, mesh.Input{File: file})
	}
	for _, p := range f.pods {
		name, list, ok := strings.Cut(p, "=")
		if !ok || name == "" || list == "" {
			return nil, usagef("--pod web=eth0.pcap,lo.pcap", "--pod %q: not NAME=FILE,FILE", p)
		}
		for file := range strings.SplitSeq(list, ",") {
			ins = append(ins, mesh.Input{File: file, Pod: name})
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
		if ok && name != "" && (ins[i].File == file || filepath.Base(ins[i].File) == file) {
			ins[i].Interface = name
			found = true
		}
	}
	return found
}
