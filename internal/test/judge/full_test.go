//go:build testbed

package judge

// full makes the wide tests go over all scenarios.
const full = true
