// Package testbed makes captures whose truth is known.
//
// A scenario is played in network namespaces of its own: pods with exactly
// Istio's iptables rules, HAProxy as the sidecar (uid 1337, original
// destination, source 127.0.0.6, pooled upstream connections), ambient pods
// with a small proxy in ztunnel's place, a node that
// translates service addresses, clients and servers outside. tcpdump captures
// in the pod; beside the captures lie the truth (type Truth), conntrack,
// iptables-save, ss and the proxy's log.
//
// The package imports nothing of the product it tests. It needs root, Linux
// and the Debian packages that Packages names; see Missing.
package testbed
