package main

import (
	"net/netip"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/cluster"
)

// podNames lists the names given by --pod.
func podNames(ins []mesh.Input) []string {
	var names []string
	for _, in := range ins {
		names = append(names, in.Pod)
	}
	return names
}

// knownPods reads --pod-ip.
func (f *inputFlags) knownPods() ([]cluster.Pod, error) {
	var pods []cluster.Pod
	for _, s := range f.podIPs {
		name, ip, ok := strings.Cut(s, "=")
		if !ok {
			name, ip = "", s
		}
		a, err := netip.ParseAddr(ip)
		if err != nil {
			return nil, usagef("--pod-ip 10.244.1.10", "--pod-ip %q: not an IP address", s)
		}
		pods = append(pods, cluster.Pod{Name: name, Addrs: []netip.Addr{a.Unmap()}})
	}
	return pods, nil
}
