// Package cluster is what the caller knows of a cluster before any capture is
// read: its networks, and the addresses of its pods.
package cluster
