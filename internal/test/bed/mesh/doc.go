// Package mesh makes hosts pods of a mesh: exactly Istio's iptables rules, HAProxy
// as the sidecar (uid 1337, original destination, source 127.0.0.6, pooled
// upstream connections), a proxy written in Go beside it, one in ztunnel's
// place, certificates, and the logs of the proxies.
//
// It knows no application and no scenario.
package mesh
