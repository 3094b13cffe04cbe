package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// options are the flags that every command takes.
type options struct {
	color   string // auto, always or never
	verbose bool
	quiet   bool
}

// newRoot returns the whole command tree.
func newRoot(o *options) *cobra.Command {
	root := &cobra.Command{
		Use:           "pcapmesh",
		Short:         "Join TCP conversations that a service-mesh sidecar tore apart in captures",
		Version:       versionLine(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.ArbitraryArgs,
		RunE:          runRoot,
	}
	root.SetVersionTemplate("{{.Version}}")
	root.SuggestionsMinimumDistance = 2 // letters; cobra sets it only on its own path
	f := root.PersistentFlags()
	f.Var(oneOf(&o.color, "auto", "always", "never"), "color", "color messages; `WHEN` is auto, always or never")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "say more about what was done and why")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "no warnings or progress")
	root.AddCommand(newStitch(o), newFlows(o), newFollow(o), newCidr(o), newFilter(o), newPorts(o), newExplain(o), newMan(), newVersion())
	return root
}

// runRoot handles a command line without a known command.
func runRoot(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	hint := "pcapmesh --help lists the commands"
	if s := cmd.SuggestionsFor(args[0]); len(s) > 0 {
		hint = "did you mean pcapmesh " + s[0] + "?"
	}
	return usagef(hint, "unknown command %s", args[0])
}

const (
	red  = "31" // SGR parameter (ECMA-48 §8.3.117)
	cyan = "36"
)

// paint puts text in a color if on.
func paint(text, color string, on bool) string {
	if !on {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// colored reports whether text for w is to be colored. NO_COLOR with any value
// turns off what was not asked for (no-color.org).
func (o *options) colored(w io.Writer) bool {
	switch o.color {
	case "always":
		return true
	case "never":
		return false
	}
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && term.IsTerminal(int(f.Fd()))
}

// isTerminal reports whether r is a person's keyboard.
func isTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
