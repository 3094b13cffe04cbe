package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// followFlags are the flags of follow.
type followFlags struct {
	in       inputFlags
	stream   int
	exchange int
	as       string
	bytes    string
}

func newFollow(o *options) *cobra.Command {
	f := &followFlags{}
	cmd := &cobra.Command{
		Use:   "follow FILE... --stream N",
		Short: "Print what both ends of a conversation sent",
		Example: `  pcapmesh follow --stream 0 eth0.pcap lo.pcap
  pcapmesh follow --stream 0 --exchange 2 --as raw eth0.pcap lo.pcap`,
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, o, args) },
	}
	f.in.register(cmd)
	cmd.Flags().IntVar(&f.stream, "stream", -1, "number of the stream, as stitch prints it and Wireshark counts")
	cmd.Flags().IntVar(&f.exchange, "exchange", -1, "only this request and response")
	cmd.Flags().Var(oneOf(&f.as, "ascii", "hex", "raw", "json"), "as", "ascii, hex, raw or json")
	cmd.Flags().Var(oneOf(&f.bytes, "client", "server"), "bytes", "print the bytes of the readable leg nearest this end")
	return cmd
}

func (f *followFlags) run(cmd *cobra.Command, o *options, args []string) error {
	if f.stream < 0 {
		return usagef("pcapmesh follow --stream 0 eth0.pcap lo.pcap", "no stream given")
	}
	r, partial, err := f.in.stitch(cmd, o, args, mesh.Options{Reread: true, NearServer: f.bytes == "server"})
	if err != nil {
		return err
	}
	defer r.Close()
	p := report.NewFollower(cmd.OutOrStdout(), f.as)
	err = p.All(r.Follow(cmd.Context(), f.stream, f.exchange))
	if errors.Is(err, mesh.ErrNoPath) || errors.Is(err, mesh.ErrNoExchange) {
		return usagef("pcapmesh stitch lists the streams", "%w", err)
	}
	if err == nil {
		err = p.Close()
	}
	return errors.Join(err, partial)
}
