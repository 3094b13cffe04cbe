//go:build linux

package world

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Sniffer is one capture program at one interface of a host.
type Sniffer struct {
	Pod     string
	Iface   string // as truth.File has it
	File    string
	proc    *Process
	Started time.Time
	Rotated bool
	Packed  bool // gzipped when it has ended
}

// Sniff starts tcpdump at an interface of pod h, writing the file
// SCENARIO-SUFFIX. extra are arguments for it.
func (w *World) Sniff(h *Host, iface, suffix string, extra ...string) error {
	name := w.Name + "-" + suffix
	args := append([]string{"tcpdump", "-Z", "root", "-n", "-i", iface, "-B", "16384", "-w", filepath.Join(w.Dir, name)}, extra...)
	return w.tap(h, iface, name, "listening on", args)
}

// Dump starts dumpcap at several interfaces at once, writing one pcapng.
func (w *World) Dump(h *Host, suffix string, ifaces ...string) error {
	name := w.Name + "-" + suffix
	args := []string{"dumpcap", "-q", "-w", filepath.Join(w.Dir, name)}
	for _, i := range ifaces {
		args = append(args, "-i", i)
	}
	return w.tap(h, strings.Join(ifaces, "+"), name, "File: ", args)
}

func (w *World) tap(h *Host, iface, name, ready string, args []string) error {
	if err := w.Watch(h); err != nil {
		return err
	}
	p, err := w.Start(h, filepath.Join(w.Tmp, name+".out"), args...)
	if err != nil {
		return err
	}
	err = w.Wait("capture "+name, p, func() bool { return strings.Contains(p.errs.String(), ready) })
	w.Sniffers = append(w.Sniffers, &Sniffer{Pod: h.Name, Iface: iface, File: name, proc: p, Started: time.Now()})
	return err
}

// flush is how long the kernel may keep packets from a capture program:
// tcpdump asks for blocks that are handed over after a second at the latest.
const flush = 1300 * time.Millisecond

var dropped = regexp.MustCompile(`(\d+) packets? dropped|dropped on interface.*?: \d+/(\d+)`)

// StopSniffers ends all captures and fails if one lost packets.
func (w *World) StopSniffers() error {
	if err := w.Pause(flush); err != nil {
		return err
	}
	for _, s := range w.Sniffers {
		if err := s.proc.End(syscall.SIGINT); err != nil {
			return err
		}
		for _, m := range dropped.FindAllStringSubmatch(s.proc.errs.String(), -1) {
			if n, _ := strconv.Atoi(m[1] + m[2]); n > 0 {
				return fmt.Errorf("capture %s: %w: %s", s.File, ErrAgain, m[0])
			}
		}
	}
	return nil
}

// Captured says whether there is a capture of the pod of that name.
func (w *World) Captured(name string) bool {
	return slices.ContainsFunc(w.Sniffers, func(s *Sniffer) bool { return s.Pod == name })
}

// Sniffed says whether an interface was captured, itself or by -i any.
func (w *World) Sniffed(pod, iface string) bool {
	return slices.ContainsFunc(w.Sniffers, func(s *Sniffer) bool {
		return s.Pod == pod && (s.Iface == "any" || slices.Contains(strings.Split(s.Iface, "+"), iface))
	})
}

// PackLater has the captures gzipped when they have ended.
func (w *World) PackLater() {
	for _, s := range w.Sniffers {
		s.Packed = true
	}
}
