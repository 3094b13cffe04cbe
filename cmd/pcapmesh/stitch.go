package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pcapmesh/pcapmesh/mesh"
)

// stitchFlags are the flags of stitch.
type stitchFlags struct {
	in        inputFlags
	table     tableFlags
	output    string
	format    string
	view      string
	bytes     string
	comments  string
	force     bool
	keepOther bool
	embedKeys bool
}

func newStitch(o *options) *cobra.Command {
	f := &stitchFlags{}
	cmd := &cobra.Command{
		Use:   "stitch FILE...",
		Short: "Write one capture in which every conversation is one TCP stream",
		Long: `Read the captures of a sidecar pod, tie the legs of every conversation
together, print what was found and write a capture in which each conversation
is one ordinary TCP stream that Wireshark, tshark and tcpflow follow.`,
		Example: `  pcapmesh stitch eth0.pcap lo.pcap
  kubectl exec POD -c istio-proxy -- tcpdump -i any -U -w - | pcapmesh stitch -
  pcapmesh stitch --pod a=a-eth0.pcap,a-lo.pcap --pod b=b-eth0.pcap,b-lo.pcap -w both.pcapng`,
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, o, args) },
	}
	f.in.register(cmd)
	fs := cmd.Flags()
	f.table.register(fs, "write no name records, and print no names")
	fs.StringVarP(&f.output, "write", "w", "stitched.pcapng", "`FILE` to write, classic pcap if it ends in .pcap; - is standard output")
	fs.VarP(oneOf(&f.format, "table", "json", "jsonl"), "output", "o", "what to print: table, json or jsonl")
	fs.Var(oneOf(&f.view, "paths", "legs"), "view", "paths: one stream per conversation; legs: every leg by itself, nothing joined")
	fs.Var(oneOf(&f.bytes, "client", "server"), "bytes", "write the bytes of the readable leg nearest this end")
	fs.Var(oneOf(&f.comments, "first", "all", "none"), "comments", "packets that get a comment")
	fs.BoolVar(&f.force, "force", false, "replace an existing file that pcapmesh did not write")
	fs.BoolVar(&f.keepOther, "keep-other", false, "copy packets that are neither TCP nor DNS too")
	fs.BoolVar(&f.embedKeys, "embed-keys", false, "write the TLS secrets of connections that stay encrypted (--view legs) into the capture")
	return cmd
}

func (f *stitchFlags) run(cmd *cobra.Command, o *options, args []string) error {
	if f.embedKeys && f.classic() {
		return usagef("-w "+strings.TrimSuffix(f.output, filepath.Ext(f.output))+".pcapng", "--embed-keys: classic pcap has no place for secrets")
	}
	r, partial, err := f.in.stitch(cmd, o, args, mesh.Options{Reread: true, NearServer: f.bytes == "server"})
	if err != nil {
		return err
	}
	defer r.Close()
	out := cmd.OutOrStdout()
	if f.output == "-" {
		out = cmd.ErrOrStderr()
	}
	sum, err := f.write(cmd, r)
	if err != nil {
		return errors.Join(partial, outputHint(err))
	}
	if err := f.print(out, r); err != nil {
		return err
	}
	if f.format != "table" {
		out = cmd.ErrOrStderr()
	}
	if !o.quiet {
		fmt.Fprintln(out, f.written(r, sum))
	}
	return partial
}

// classic reports whether the output is to be a classic pcap file.
func (f *stitchFlags) classic() bool {
	return strings.HasSuffix(f.output, ".pcap") || strings.HasSuffix(f.output, ".cap")
}

// write writes the capture.
func (f *stitchFlags) write(cmd *cobra.Command, r *mesh.Result) (mesh.Summary, error) {
	wo := &mesh.WriteOptions{KeepOther: f.keepOther, NoNames: f.table.noNames, Replace: f.force, EmbedKeys: f.embedKeys, Version: thisBuild().Version}
	if f.view == "legs" {
		wo.View = mesh.ViewLegs
	}
	switch f.comments {
	case "all":
		wo.Comments = mesh.CommentAll
	case "none":
		wo.Comments = mesh.CommentNone
	}
	wo.Classic = f.classic()
	if f.output == "-" {
		return r.WriteCapture(cmd.Context(), cmd.OutOrStdout(), wo)
	}
	return r.WriteFile(cmd.Context(), f.output, wo)
}
