package main

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pcapmesh/pcapmesh/internal/report"
)

func newVersion() *cobra.Command {
	format := ""
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version, and what it was built with",
		Long:  "Print the version, the revision it was built from, the version of Go and the system.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format == "json" {
				return report.VersionJSON(cmd.OutOrStdout(), thisBuild())
			}
			return report.Version(cmd.OutOrStdout(), thisBuild())
		},
	}
	cmd.Flags().VarP(oneOf(&format, "text", "json"), "output", "o", "`FORMAT` is text or json")
	return cmd
}

// thisBuild tells what the go command stamped into this program.
func thisBuild() *report.Build {
	info, _ := debug.ReadBuildInfo() // nil without modules
	return buildOf(info)
}

func buildOf(info *debug.BuildInfo) *report.Build {
	b := &report.Build{Version: "(devel)", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if info == nil {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// versionLine is what --version prints: the same as the command.
func versionLine() string {
	var line strings.Builder
	report.Version(&line, thisBuild()) // a Builder refuses nothing
	return line.String()
}
