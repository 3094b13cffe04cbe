package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pcapmesh/pcapmesh/capture/filter"
)

// splitArgs sets our flags and returns the other words as one text. Flags are
// ours only up to the first word that is neither a flag of ours nor a network:
// from there on it is a pasted command line, whose -v belongs to it.
func splitArgs(cmd *cobra.Command, args []string) (text string, help bool, err error) {
	cmd.InheritedFlags() // has cobra add the flags of the root to cmd.Flags
	var flags, words []string
	for len(args) > 0 {
		n := ownFlag(cmd.Flags(), args[0])
		if n == 0 && !isNetworkWord(args[0]) {
			if args[0] == "--" {
				args = args[1:]
			}
			words = append(words, args...)
			break
		}
		if n == 0 {
			words = append(words, args[0])
			args = args[1:]
			continue
		}
		n = min(n, len(args))
		flags = append(flags, args[:n]...)
		args = args[n:]
	}
	cmd.DisableFlagParsing = false
	if err := cmd.ParseFlags(flags); err != nil {
		return "", false, usagef("pcapmesh cidr --help", "%w", err)
	}
	help, _ = cmd.Flags().GetBool("help")
	return strings.Join(words, " "), help, nil
}

// ownFlag returns how many words the flag at the head of a command line takes, 0
// if it is none of ours.
func ownFlag(fs *pflag.FlagSet, arg string) int {
	name, _, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	var f *pflag.Flag
	switch {
	case name == "":
	case strings.HasPrefix(arg, "--"):
		f = fs.Lookup(name)
	case strings.HasPrefix(arg, "-"):
		f = fs.ShorthandLookup(name[:1])
		hasValue = len(arg) > 2
	}
	switch {
	case f == nil:
		return 0
	case hasValue || f.NoOptDefVal != "":
		return 1
	}
	return 2
}

// isNetworkWord reports whether a word may stand among networks, right or wrong.
func isNetworkWord(w string) bool {
	switch w {
	case "-", "net", "mask", "netmask", "/":
		return true
	}
	w = strings.Trim(w, "/,") // "192.168.0.0 /12" and "192.168.0.0/ 12"
	if strings.HasPrefix(w, "-") {
		return false
	}
	list, err := filter.FindNetworks(w)
	return err != nil || len(list) > 0
}
