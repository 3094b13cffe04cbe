//go:build linux

package testbed

import (
	"fmt"
	"path/filepath"
	"regexp"
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
func (b *bed) sniff(h *host, iface, suffix string, extra ...string) error {
	name := b.scenario.Name + "-" + suffix
	args := append([]string{"tcpdump", "-Z", "root", "-n", "-i", iface, "-B", "16384", "-w", filepath.Join(b.dir, name)}, extra...)
	return b.tap(h, iface, name, "listening on", args)
}

// dump starts dumpcap at several interfaces at once, writing one pcapng.
func (b *bed) dump(h *host, suffix string, ifaces ...string) error {
	name := b.scenario.Name + "-" + suffix
	args := []string{"dumpcap", "-q", "-w", filepath.Join(b.dir, name)}
	for _, i := range ifaces {
		args = append(args, "-i", i)
	}
	return b.tap(h, strings.Join(ifaces, "+"), name, "File: ", args)
}

func (b *bed) tap(h *host, iface, name, ready string, args []string) error {
	if err := b.watch(h); err != nil {
		return err
	}
	p, err := b.start(h, filepath.Join(b.tmp, name+".out"), args...)
	if err != nil {
		return err
	}
	err = b.wait("capture "+name, p, func() bool { return strings.Contains(p.errs.String(), ready) })
	b.sniffers = append(b.sniffers, &sniffer{pod: h.name, iface: iface, file: name, proc: p, started: time.Now()})
	return err
}

// flush is how long the kernel may keep packets from a capture program:
// tcpdump asks for blocks that are handed over after a second at the latest.
const flush = 1300 * time.Millisecond

var dropped = regexp.MustCompile(`(\d+) packets? dropped|dropped on interface.*?: \d+/(\d+)`)

// stopSniffers ends all captures and fails if one lost packets.
func (b *bed) stopSniffers() error {
	if err := b.pause(flush); err != nil {
		return err
	}
	for _, s := range b.sniffers {
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
