package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// A trial runs the tests of a room on mutants of it.
type trial struct {
	room          *room
	dir           string // for what go test reads
	out           io.Writer
	tried, killed int
}

// What becomes of a mutant.
const (
	survived   = "survived"
	killed     = "killed"
	uncompiled = "does not compile"
)

// judge tries mutants until enough of them compiled, and prints what became of
// them.
func (t *trial) judge(ctx context.Context, o *options) error {
	places, err := t.room.places()
	if err != nil {
		return err
	}
	if fate, said, err := t.test(ctx, nil); err != nil || fate != survived {
		return errors.Join(err, fmt.Errorf("its tests fail as it is:\n%s", said))
	}
	mutants := draw(places, o.seed)
	if o.only >= 0 {
		mutants = numbered(places, o.only)
	}
	begin := time.Now()
	for i := 0; i < len(mutants) && t.tried < o.n; i++ {
		fate, said, err := t.test(ctx, &mutants[i])
		if err != nil {
			return err
		}
		if o.only >= 0 && o.verbose {
			io.WriteString(t.out, said)
		}
		t.note(&mutants[i], fate, o.verbose)
	}
	fmt.Fprintf(t.out, "%s: killed %d of %d in %.0fs\n", t.room.path, t.killed, t.tried, time.Since(begin).Seconds())
	return nil
}

// note counts a mutant, and tells of it if it survived.
func (t *trial) note(m *mutant, fate string, verbose bool) {
	if fate != uncompiled {
		t.tried++
	}
	if fate == killed {
		t.killed++
	}
	if fate == survived || verbose {
		name := m.file
		if here, err := os.Getwd(); err == nil {
			name = strings.TrimPrefix(name, here+string(filepath.Separator))
		}
		fmt.Fprintf(t.out, "%s:%d: #%d %s: %s -> %s\n", filepath.ToSlash(name), m.line, m.number, fate, m.before, m.after)
	}
}

// test runs the tests of the room on a mutant, or on nil as it is, and returns
// what became of it and what go test said. Tests that do not end kill, too.
func (t *trial) test(ctx context.Context, m *mutant) (fate, said string, err error) {
	args := []string{"test", "-count=1", "-timeout=60s", "-vet=off"}
	if m != nil {
		overlay, err := t.overlay(m)
		if err != nil {
			return "", "", err
		}
		args = append(args, "-overlay="+overlay)
	}
	text, err := goTool(ctx, append(args, t.room.path)).CombinedOutput()
	var failed *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", "", ctx.Err()
	case err == nil:
		return survived, string(text), nil
	case !errors.As(err, &failed):
		return "", "", err
	case strings.Contains(string(text), "[build failed]"):
		return uncompiled, string(text), nil
	}
	return killed, string(text), nil
}

// goTool runs the go command. A mutant may fill a list without end: where a
// process can be bound, 4 GB are more than compilers and tests of rooms take, and
// less than the machine has.
func goTool(ctx context.Context, args []string) *exec.Cmd {
	if runtime.GOOS == "linux" {
		return exec.CommandContext(ctx, "sh", append([]string{"-c", `ulimit -v 4194304; exec go "$@"`, "go"}, args...)...)
	}
	return exec.CommandContext(ctx, "go", args...)
}

// overlay writes a mutant where go test finds it, and returns the file that says
// so.
func (t *trial) overlay(m *mutant) (string, error) {
	src, err := os.ReadFile(m.file)
	if err != nil {
		return "", err
	}
	changed, index := filepath.Join(t.dir, "mutant.go"), filepath.Join(t.dir, "overlay.json")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {m.file: changed}})
	if err != nil {
		return "", err
	}
	return index, errors.Join(os.WriteFile(changed, m.apply(src), 0o600), os.WriteFile(index, text, 0o600))
}
