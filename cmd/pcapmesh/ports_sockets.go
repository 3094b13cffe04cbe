package main

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/sockets"
)

// listenersOf prints who listens according to dumps, at the ports given or all.
func listenersOf(cmd *cobra.Command, o *options, p *profile.Profile, dumps, args []string, format string) error {
	t, partial := readSockets(cmd, o, dumps)
	all := t.Listeners()
	if len(all) == 0 && partial != nil {
		return partial
	}
	if len(all) == 0 {
		none := errors.New("no listening sockets in " + strings.Join(dumps, ", "))
		return &hintedError{none, "ss -ltnpe lists them; ss -tnp has connections only"}
	}
	list, err := chooseListeners(p, all, args)
	if err == nil {
		err = printListeners(cmd.OutOrStdout(), p, list, format)
	}
	return errors.Join(err, partial)
}

// chooseListeners returns the sockets at the ports given, all if none is, with what
// they are to the mesh.
func chooseListeners(p *profile.Profile, all []sockets.Socket, args []string) ([]report.Listener, error) {
	var ports []uint16
	for _, arg := range args {
		n, err := parsePort(arg)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(all, func(s sockets.Socket) bool { return s.Local.Port() == n }) {
			return nil, usagef("without ports all listeners are shown", "port %d: nobody listens", n)
		}
		ports = append(ports, n)
	}
	var out []report.Listener
	for _, s := range all {
		if len(ports) == 0 || slices.Contains(ports, s.Local.Port()) {
			out = append(out, report.Listener{Socket: s, Listener: p.Listener(s.Local, report.ProcessNames(s.Processes), s.UID)})
		}
	}
	return out, nil
}

// printListeners prints listeners in the format that was asked for.
func printListeners(w io.Writer, p *profile.Profile, list []report.Listener, format string) error {
	switch format {
	case "json":
		return report.ListenersJSON(w, p, list)
	case "csv":
		return report.ListenersCSV(w, list)
	}
	return report.Listeners(w, list)
}
