package main

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/pcapmesh/pcapmesh/mesh"
)

// longInput is the number of bytes from which reading takes long enough for a
// person to wonder.
const longInput = 200 << 20

// A progress shows how far reading has come, on a terminal and for long inputs
// only.
type progress struct {
	mu   sync.Mutex
	bar  *progressbar.ProgressBar
	done []int64 // by input
}

// newProgress returns a progress that shows nothing unless w is a terminal and the
// inputs are long.
func newProgress(w io.Writer, quiet bool, inputs []mesh.Input) *progress {
	p := &progress{done: make([]int64, len(inputs))}
	f, ok := w.(*os.File)
	if quiet || !ok || !term.IsTerminal(int(f.Fd())) {
		return p
	}
	total := int64(0)
	for _, in := range inputs {
		if info, err := os.Stat(in.Name); err == nil {
			total += info.Size()
		}
	}
	if total >= longInput {
		p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(w), progressbar.OptionShowBytes(true),
			progressbar.OptionSetDescription("reading"), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	return p
}

// update is told that n bytes of an input have been read.
func (p *progress) update(input int, n int64) {
	if p.bar == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done[input] = n
	sum := int64(0)
	for _, d := range p.done {
		sum += d
	}
	_ = p.bar.Set64(min(sum, p.bar.GetMax64())) // a bar that cannot be drawn is no loss
}

func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
