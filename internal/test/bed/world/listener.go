//go:build linux

package world

import (
	"fmt"
	"os"
	"strings"
)

// Listens says whether something in h listens at a TCP port, without touching
// it: a connection would show in captures and conntrack.
func (h *Host) Listens(port int) bool {
	want := fmt.Sprintf(":%04X", port)
	found := false
	_ = h.In(0, func() error {
		for _, f := range []string{"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"} {
			text, err := os.ReadFile(f)
			if err != nil {
				continue
			}
			for line := range strings.Lines(string(text)) {
				col := strings.Fields(line)
				found = found || len(col) > 3 && strings.HasSuffix(col[1], want) && col[3] == "0A"
			}
		}
		return nil
	})
	return found
}

// Bound says whether an abstract UNIX socket of h exists.
func (h *Host) Bound(addr string) bool {
	name, _, _ := strings.Cut(strings.TrimPrefix(addr, "abns@"), " ")
	found := false
	_ = h.In(0, func() error {
		text, err := os.ReadFile("/proc/thread-self/net/unix")
		found = strings.Contains(string(text), "@"+name)
		return err
	})
	return found
}

// subscribed says whether a program in h listens to netfilter's events:
// conntrack says nothing when it is ready.
func (h *Host) subscribed() bool {
	found := false
	_ = h.In(0, func() error {
		text, err := os.ReadFile("/proc/thread-self/net/netlink")
		for line := range strings.Lines(string(text)) {
			col := strings.Fields(line) // address, protocol, port id, groups
			found = found || len(col) > 3 && col[1] == "12" && strings.Trim(col[3], "0") != ""
		}
		return err
	})
	return found
}
