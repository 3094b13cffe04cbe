// Package truthtest holds what pcapmesh says about the captures in
// testdata/pcaps against what really happened: the truth that the testbed
// wrote from the applications' own records and the proxy's log.
//
// It has tests only. They use the public packages as any program would, and of
// the testbed nothing but the structs of the truth files.
package truthtest
