package main

import (
	"github.com/spf13/pflag"

	"github.com/pcapmesh/pcapmesh/internal/report"
)

// tableFlags say how much of a result a table shows.
type tableFlags struct {
	limit   int
	all     bool
	noNames bool
}

// register adds the flags to a set. What --no-names does is up to the command.
func (f *tableFlags) register(fs *pflag.FlagSet, noNames string) {
	fs.IntVar(&f.limit, "limit", 50, "rows of the table at the most")
	fs.BoolVar(&f.all, "all", false, "print all rows")
	fs.BoolVarP(&f.noNames, "no-names", "n", false, noNames)
}

// options returns what the flags say to a printer of tables.
func (f *tableFlags) options() *report.TableOptions {
	o := &report.TableOptions{Limit: f.limit, Names: !f.noNames}
	if f.all {
		o.Limit = 0
	}
	return o
}
