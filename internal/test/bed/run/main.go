//go:build linux

// Command run plays scenarios of the testbed:
//
//	go run ./internal/test/bed/run [-list] [-o DIR] [-seed N] [SCENARIO...]
//	go run ./internal/test/bed/run -big DIR
//	go run ./internal/test/bed/run -logs DIR
//	go run ./internal/test/bed/run -readme DIR
//
// It needs root and the packages that world.Packages names, and for some scenarios a
// real Envoy.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/scene"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
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
	page := flag.String("readme", "", "make a directory of results ready to ship: trim it and write its README.md")
	logs := flag.String("logs", "", "write the access logs of a directory anew, from the logs of the proxy that are there")
	big := flag.String("big", "", "record more than 300 MB of pooled inbound HTTP into a directory")
	flag.Parse()
	if *page != "" {
		return ship(*page)
	}
	if *logs != "" {
		return convert(*logs)
	}
	if *list {
		for _, s := range scene.Scenarios() {
			fmt.Printf("%-24s %s\n", s.Name, s.About)
		}
		return nil
	}
	if *big != "" {
		return playBig(ctx, *big, *seed)
	}
	return play(ctx, *dir, *seed, flag.Args())
}

// convert names the logs that are too old to tell what an access log must.
func convert(dir string) error {
	old, err := mesh.AccessLogs(dir)
	for _, n := range old {
		fmt.Printf("%s: no times, play it anew\n", n)
	}
	return err
}

func ship(dir string) error {
	if err := trim(dir); err != nil {
		return err
	}
	text, err := readme(dir)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "README.md"), []byte(text), 0o644)
}

func play(ctx context.Context, dir string, seed int64, names []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if len(names) == 0 {
		names = playable()
	}
	for _, name := range names {
		t, err := scene.Run(ctx, name, dir, seed)
		if err != nil {
			return err
		}
		summary(t)
	}
	return nil
}

// playable are all scenarios but those that this machine lacks something for, which
// it names.
func playable() (names []string) {
	for _, s := range scene.Scenarios() {
		if err := scene.Missing(s); s.Envoy && err != nil {
			fmt.Printf("%-24s left out: %v\n", s.Name, err)
			continue
		}
		names = append(names, s.Name)
	}
	return names
}

func playBig(ctx context.Context, dir string, seed int64) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	t, err := scene.Big(ctx, dir, seed)
	if err != nil {
		return err
	}
	summary(t)
	return nil
}

func summary(t *truth.Truth) {
	fmt.Printf("%-24s %3d legs %4d links %3d conversations\n", t.Scenario, len(t.Legs), len(t.Links), len(t.Conversations))
}
