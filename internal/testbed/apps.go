//go:build linux

package testbed

// apps are the applications and clients of a world, and what they know of what
// they did.
type apps struct {
	*world
	rec     recorder
	lookups lookups
}

// asked lists the names that were looked up so far.
func (a *apps) asked() []Lookup { return a.lookups.list() }
