// Command run plays scenarios of the testbed:
//
//	go run ./internal/testbed/run [-list] [-o DIR] [-seed N] [SCENARIO...]
//
// It needs root and the packages that testbed.Packages names.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/pcapmesh/pcapmesh/internal/testbed"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "testbed:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	list := flag.Bool("list", false, "list the scenarios")
	dir := flag.String("o", ".", "directory for the results")
	seed := flag.Int64("seed", 1, "varies sizes, contents and order")
	readme := flag.String("readme", "", "write the README.md of a directory of results")
	flag.Parse()
	if *readme != "" {
		text, err := testbed.Readme(*readme)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(*readme, "README.md"), []byte(text), 0o644)
	}
	if *list {
		for _, s := range testbed.Scenarios() {
			fmt.Printf("%-24s %s\n", s.Name, s.About)
		}
		return nil
	}
	return play(ctx, *dir, *seed, flag.Args())
}

func play(ctx context.Context, dir string, seed int64, names []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if len(names) == 0 {
		for _, s := range testbed.Scenarios() {
			names = append(names, s.Name)
		}
	}
	for _, name := range names {
		t, err := testbed.Run(ctx, name, dir, seed)
		if err != nil {
			return err
		}
		fmt.Printf("%-24s %3d legs %4d links %3d conversations\n", name, len(t.Legs), len(t.Links), len(t.Conversations))
	}
	return nil
}
