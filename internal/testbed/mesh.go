//go:build linux

package testbed

// mesh is what makes hosts of a world pods: the pods so far, and the TLS
// secrets of all who speak mTLS with them.
type mesh struct {
	*world
	pods []*pod
	keys keyLog
}
