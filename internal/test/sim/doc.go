// Package sim is pods simulated in Go, with what is true of them: connections that a
// proxy tears apart, what both of its sides say over HTTP, TLS and DNS, and the
// captures of it, which are stitched and judged.
//
// Tests of several rooms of package mesh use it, and nothing else. What one room's
// tests need alone stays beside them.
package sim

import ()
