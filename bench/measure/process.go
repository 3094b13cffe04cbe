//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// A usage is what one run of a command took.
type usage struct {
	wall, cpu float64 // seconds
	rss       float64 // the most that was resident, MiB
}

// once runs a command with its output going to out; nil throws it away.
func once(command []string, out *os.File) (usage, error) {
	var stderr strings.Builder
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = &stderr
	if out != nil {
		cmd.Stdout = out
	}
	begin := time.Now()
	err := cmd.Run()
	wall := time.Since(begin)
	if err != nil {
		return usage{}, fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, stderr.String())
	}
	u := usage{wall: wall.Seconds(), cpu: (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()}
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.rss = float64(r.Maxrss) / maxrssPerMiB()
	}
	return u, nil
}

// maxrssPerMiB is the unit of getrusage's ru_maxrss: kilobytes, but bytes on
// macOS.
func maxrssPerMiB() float64 {
	if runtime.GOOS == "darwin" {
		return 1 << 20
	}
	return 1 << 10
}
