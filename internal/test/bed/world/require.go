//go:build linux

package world

import (
	"fmt"
	"os"
	"os/exec"
)

// Packages are the Debian packages that a run needs besides Go and root.
func Packages() []string {
	return []string{"tshark", "tcpdump", "haproxy", "nginx-light", "iptables", "nftables", "conntrack",
		"iproute2", "ethtool", "curl", "util-linux"}
}

// Missing says what this machine lacks to run a scenario, or returns nil.
func Missing() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("needs root")
	}
	for _, tool := range []string{"ip", "iptables-restore", "ip6tables-restore", "haproxy", "tcpdump",
		"dumpcap", "conntrack", "ss", "setpriv", "ethtool", "curl", "nginx"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("needs %s", tool)
		}
	}
	return nil
}
