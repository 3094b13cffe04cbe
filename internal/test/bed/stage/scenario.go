//go:build linux

package stage

import "github.com/pcapmesh/pcapmesh/internal/test/truth"

// Scenario is one thing that real traffic through a sidecar can look like.
type Scenario struct {
	Name  string
	About string // one sentence

	V6   bool
	JSON bool // its access log is there as JSON too
	// Envoy says that the proxies are real Envoys.
	Envoy bool
	Live  bool // its captures are not shipped: they are another scenario's with less in them, or large
	Play  func(*Bed) error
	// Shows says whether the run shows what it is for, where that is left to
	// timing; nil: always.
	Shows func(*truth.Truth) error
}
