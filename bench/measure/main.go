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
	"io/fs"
	"os"
	"slices"
	"strings"
)

func main() {
	var o options
	flag.IntVar(&o.runs, "n", 5, "runs")
	flag.Float64Var(&o.ratio, "ratio", 0, "target: times of cat")
	flag.Float64Var(&o.rss, "rss", 0, "target: MiB")
	flag.StringVar(&o.fresh, "fresh", "", "file that the command writes: removed before and after every run")
	flag.StringVar(&o.want, "want", "", "what each capture holds, as gen leaves it: FILE[,FILE...]")
	flag.IntVar(&o.legs, "legs", 0, "connections to find, where there is no -want")
	flag.StringVar(&o.truth, "truth", "", "truth of the testbed, in place of -want")
	header := flag.Bool("header", false, "print the heading of the table and end")
	flag.Parse()
	if *header {
		fmt.Println(heading)
		return
	}
	if flag.NArg() < 3 {
		flag.Usage()
		os.Exit(2)
	}
	o.name, o.files, o.command = flag.Arg(0), strings.Split(flag.Arg(1), ","), flag.Args()[2:]
	if err := run(&o); err != nil {
		fmt.Fprintf(os.Stderr, "measure: %s: %v\n", o.name, err)
		os.Exit(1)
	}
}

type options struct {
	name, fresh, want, truth string
	runs, legs               int
	ratio, rss               float64
	files, command           []string
}

const heading = "INPUT      WALL     CAT      RATIO   TARGET  CPU      RSS MiB  TARGET  LEGS     JOINED   EXCHANGES"

func run(o *options) error {
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
	fmt.Printf("%-9s  %-7s  %-7s  %-6.2f  %-6s  %-7s  %-7.1f  %-6s  %-7d  %-7d  %d\n", o.name,
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
