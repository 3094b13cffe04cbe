//go:build unix

// Command measure runs a command several times, each time beside cat of the
// same files, and prints one row: medians, the ratio, peak memory and what the
// command found.
//
//	measure [flags] NAME FILE[,FILE...] COMMAND [ARG...]
//
// COMMAND prints the JSON of flows or stitch. It fails if COMMAND finds less
// than -want, -legs or -truth say is there. Missing a target is shown, not an error:
// time depends on the machine.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

func main() { os.Exit(command(os.Args[1:], os.Stdout, os.Stderr)) }

// command does what arguments ask for, and returns the exit status.
func command(args []string, out, errs io.Writer) int {
	var o options
	flags := flag.NewFlagSet("measure", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.IntVar(&o.runs, "n", 5, "runs")
	flags.Float64Var(&o.ratio, "ratio", 0, "target: times of cat")
	flags.Float64Var(&o.rss, "rss", 0, "target: MiB")
	flags.StringVar(&o.fresh, "fresh", "", "file that the command writes: removed before and after every run")
	flags.StringVar(&o.want, "want", "", "what each capture holds, as gen leaves it: FILE[,FILE...]")
	flags.IntVar(&o.legs, "legs", 0, "connections to find, where there is no -want")
	flags.StringVar(&o.truth, "truth", "", "truth of the testbed, in place of -want")
	header := flags.Bool("header", false, "print the heading of the table and end")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case *header:
		fmt.Fprintln(out, heading)
		return 0
	case flags.NArg() < 3 || o.runs < 1:
		flags.Usage()
		return 2
	}
	o.name, o.files, o.command = flags.Arg(0), strings.Split(flags.Arg(1), ","), flags.Args()[2:]
	if err := run(&o, out); err != nil {
		fmt.Fprintf(errs, "measure: %s: %v\n", o.name, err)
		return 1
	}
	return 0
}

type options struct {
	name, fresh, want, truth string
	runs, legs               int
	ratio, rss               float64
	files, command           []string
}

const heading = "INPUT      WALL     CAT      RATIO   TARGET  CPU      RSS MiB  TARGET  LEGS     JOINED   EXCHANGES"

// run measures and prints one row.
func run(o *options, out io.Writer) error {
	w, err := o.wanted()
	if err != nil {
		return err
	}
	var walls, cats, ratios, cpus []float64
	peak := 0.0
	for range o.runs {
		base, err := once(append([]string{"cat"}, o.files...), nil)
		if err != nil {
			return err
		}
		u, err := o.single()
		if err != nil {
			return err
		}
		walls, cats = append(walls, u.wall), append(cats, base.wall)
		ratios, cpus = append(ratios, u.wall/base.wall), append(cpus, u.cpu)
		peak = max(peak, u.rss)
	}
	// Counting comes last: the memory of this process is the least that is
	// reported for one it starts.
	f, err := o.findings()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%-9s  %-7s  %-7s  %-6.2f  %-6s  %-7s  %-7.1f  %-6s  %-7d  %-7d  %d\n", o.name,
		seconds(median(walls)), seconds(median(cats)), median(ratios), target(median(ratios), o.ratio), seconds(median(cpus)),
		peak, target(peak, o.rss), f.Legs, f.Joined, f.Exchanges)
	return w.missing(f)
}

// single runs the command once and throws away what it prints and writes.
func (o *options) single() (usage, error) {
	if err := o.clear(); err != nil {
		return usage{}, err
	}
	u, err := once(o.command, nil)
	return u, errors.Join(err, o.clear())
}

// findings runs the command once more and counts what it prints.
func (o *options) findings() (found, error) {
	if err := o.clear(); err != nil {
		return found{}, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return found{}, err
	}
	defer r.Close()
	done := make(chan error, 1)
	go func() {
		_, err := once(o.command, w)
		done <- errors.Join(err, w.Close())
	}()
	f, err := count(r)
	if err != nil {
		r.Close() // ends the command
	}
	return f, errors.Join(err, <-done, o.clear())
}

// clear removes what the command has written.
func (o *options) clear() error {
	if o.fresh == "" {
		return nil
	}
	if err := os.Remove(o.fresh); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

func seconds(s float64) string { return fmt.Sprintf("%.3fs", s) }

// target prints a target, with a mark when it is missed.
func target(got, want float64) string {
	switch {
	case want == 0:
		return "-"
	case got > want:
		return fmt.Sprintf("!%.4g", want)
	}
	return fmt.Sprintf("%.4g", want)
}
