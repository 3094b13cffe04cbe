package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A room is one package that has tests.
type room struct {
	path  string // as it is imported
	files []string
}

// told is what go list tells of each package that has tests.
const told = `{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}|{{.Dir}}|{{join .GoFiles "|"}}{{end}}`

// list looks up packages, as seen from the current directory.
func list(ctx context.Context, patterns []string) ([]*room, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"list", "-f", told, "--"}, patterns...)...)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var rooms []*room
	for line := range strings.Lines(string(text)) {
		words := strings.Split(strings.TrimSpace(line), "|")
		r := &room{path: words[0]}
		for _, name := range words[2:] {
			r.files = append(r.files, filepath.Join(words[1], name))
		}
		rooms = append(rooms, r)
	}
	if len(rooms) == 0 {
		return nil, fmt.Errorf("no package of %q has tests", patterns)
	}
	return rooms, nil
}

// places finds all places of a room, and numbers its mutants.
func (r *room) places() ([]place, error) {
	var all []place
	next := 0
	for _, name := range r.files {
		src, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		found, err := find(name, src)
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			for i := range p {
				p[i].number = next
				next++
			}
		}
		all = append(all, found...)
	}
	return all, nil
}

// draw puts mutants in the order in which they are tried: one of each place.
func draw(places []place, seed uint64) []mutant {
	rng := rand.New(rand.NewPCG(seed, 0))
	var drawn []mutant
	for _, i := range rng.Perm(len(places)) {
		drawn = append(drawn, places[i][rng.IntN(len(places[i]))])
	}
	return drawn
}

// numbered returns the one mutant of a number.
func numbered(places []place, number int) []mutant {
	for _, p := range places {
		for i := range p {
			if p[i].number == number {
				return p[i : i+1]
			}
		}
	}
	return nil
}
