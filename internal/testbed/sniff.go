//go:build linux

package testbed

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

// sniffer is one capture program at one interface of a host.
type sniffer struct {
	pod     string
	iface   string // as File.Interface
	file    string
	proc    *process
	started time.Time
	rotated bool
	packed  bool // gzipped when it has ended
}

// sniff starts tcpdump at an interface of pod h, writing the file
// SCENARIO-SUFFIX. extra are arguments for it.
func (w *world) sniff(h *host, iface, suffix string, extra ...string) error {
	name := w.name + "-" + suffix
	args := append([]string{"tcpdump", "-Z", "root", "-n", "-i", iface, "-B", "16384", "-w", filepath.Join(w.dir, name)}, extra...)
	return w.tap(h, iface, name, "listening on", args)
}

// dump starts dumpcap at several interfaces at once, writing one pcapng.
func (w *world) dump(h *host, suffix string, ifaces ...string) error {
	name := w.name + "-" + suffix
	args := []string{"dumpcap", "-q", "-w", filepath.Join(w.dir, name)}
	for _, i := range ifaces {
		args = append(args, "-i", i)
	}
	return w.tap(h, strings.Join(ifaces, "+"), name, "File: ", args)
}

func (w *world) tap(h *host, iface, name, ready string, args []string) error {
	if err := w.watch(h); err != nil {
		return err
	}
	p, err := w.start(h, filepath.Join(w.tmp, name+".out"), args...)
	if err != nil {
		return err
	}
	err = w.wait("capture "+name, p, func() bool { return strings.Contains(p.errs.String(), ready) })
	w.sniffers = append(w.sniffers, &sniffer{pod: h.name, iface: iface, file: name, proc: p, started: time.Now()})
	return err
}

// flush is how long the kernel may keep packets from a capture program:
// tcpdump asks for blocks that are handed over after a second at the latest.
const flush = 1300 * time.Millisecond

var dropped = regexp.MustCompile(`(\d+) packets? dropped|dropped on interface.*?: \d+/(\d+)`)

// stopSniffers ends all captures and fails if one lost packets.
func (w *world) stopSniffers() error {
	if err := w.pause(flush); err != nil {
		return err
	}
	for _, s := range w.sniffers {
		if err := s.proc.end(syscall.SIGINT); err != nil {
			return err
		}
		for _, m := range dropped.FindAllStringSubmatch(s.proc.errs.String(), -1) {
			if n, _ := strconv.Atoi(m[1] + m[2]); n > 0 {
				return fmt.Errorf("capture %s: %w: %s", s.file, errAgain, m[0])
			}
		}
	}
	return nil
}

// captured says whether there is a capture of the pod of that name.
func (w *world) captured(name string) bool {
	return slices.ContainsFunc(w.sniffers, func(s *sniffer) bool { return s.pod == name })
}

// sniffed says whether an interface was captured, itself or by -i any.
func (w *world) sniffed(pod, iface string) bool {
	return slices.ContainsFunc(w.sniffers, func(s *sniffer) bool {
		return s.pod == pod && (s.iface == "any" || slices.Contains(strings.Split(s.iface, "+"), iface))
	})
}

// packLater has the captures gzipped when they have ended.
func (w *world) packLater() {
	for _, s := range w.sniffers {
		s.packed = true
	}
}
