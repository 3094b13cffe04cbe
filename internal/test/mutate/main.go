// Command mutate tells how much of a package its own tests hold fast. It changes
// the package in one place at a time (a condition turned round, a bound off by
// one), runs the tests of that package only, and lists the changes that they did
// not see:
//
//	go run ./internal/test/mutate [-n 20] [-seed 1] [-min 16] [-v] PACKAGE...
//	go run ./internal/test/mutate -run K -v PACKAGE
//
// Places are drawn by seed, each as likely as any other; a change that does not
// compile is passed over. The tree is never touched: go test gets the changed
// file as an overlay. Packages are those of the module in the current directory,
// so that a command built here judges other trees as well.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

// options are what the flags say.
type options struct {
	n, least int
	seed     uint64
	verbose  bool
	only     int
}

func main() {
	var o options
	flag.IntVar(&o.n, "n", 20, "mutants of each package")
	flag.Uint64Var(&o.seed, "seed", 1, "which of them")
	flag.IntVar(&o.least, "min", 0, "fail if fewer of them are killed, in any package")
	flag.BoolVar(&o.verbose, "v", false, "tell of those that are killed, too; with -run, print what go test says")
	flag.IntVar(&o.only, "run", -1, "try the mutant of this number alone")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	enough, err := run(ctx, &o, flag.Args(), os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	}
	if !enough {
		os.Exit(1)
	}
}

// run judges packages, and reports whether enough mutants of each were killed:
// of a package that has fewer places, as large a part.
func run(ctx context.Context, o *options, patterns []string, out io.Writer) (enough bool, err error) {
	rooms, err := list(ctx, patterns)
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	enough = true
	for _, r := range rooms {
		t := &trial{room: r, dir: dir, out: out}
		if err := t.judge(ctx, o); err != nil {
			return false, fmt.Errorf("%s: %w", r.path, err)
		}
		enough = enough && t.killed*o.n >= o.least*t.tried
	}
	return enough, nil
}
