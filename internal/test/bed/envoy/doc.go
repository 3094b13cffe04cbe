// Package envoy is what the testbed knows of a real Envoy: how to find one, the
// bootstrap that makes it a sidecar as Istio's control plane does, and its log of
// connections, requests and attempts, of which truth is made.
//
// It starts nothing; package mesh does. The bootstrap follows what Istio generates
// for Envoy; of the filters that only Istio's build has, it has what they do on the
// wire: peer metadata in headers, ALPN lists on clusters. TCP metadata exchange is
// not there.
package envoy
