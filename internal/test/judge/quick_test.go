//go:build !testbed

package judge

// full makes the wide tests go over all scenarios. Without the tag testbed they take
// every third: what they check is the same for all, and takes too long to wait for.
const full = false
