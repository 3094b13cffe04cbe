package main

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/sockets"
)

// A listener is a listening socket and what it is to the mesh.
type listener struct {
	sockets.Socket
	profile.Listener
}

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

// chooseListeners tells of sockets what they are: of those at the ports given, of
// all if none is.
func chooseListeners(p *profile.Profile, all []sockets.Socket, args []string) ([]listener, error) {
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
	var out []listener
	for _, s := range all {
		if len(ports) == 0 || slices.Contains(ports, s.Local.Port()) {
			out = append(out, listener{s, p.Listener(s.Local, names(s.Processes), s.UID)})
		}
	}
	return out, nil
}

// names returns the names of processes, each once.
func names(list []sockets.Process) []string {
	var out []string
	for _, p := range list {
		if !slices.Contains(out, p.Name) {
			out = append(out, p.Name)
		}
	}
	return out
}

func printListeners(w io.Writer, p *profile.Profile, list []listener, format string) error {
	switch format {
	case "json":
		return printListenersJSON(w, p, list)
	case "csv":
		return printListenersCSV(w, list)
	}
	return printListenersTable(w, list)
}
