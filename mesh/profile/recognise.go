package profile

import "slices"

// Signs are what connections show of a mesh.
type Signs struct {
	Listeners map[uint16]bool // ports of 127.0.0.1 that answered what was redirected
	Dialled   map[uint16]bool // ports dialled elsewhere than on loopback
	Bound     bool            // 127.0.0.6 dialled something
	Spoofed   bool            // a stranger's address dialled something on loopback
	Loop      bool            // 127.0.0.1 dialled 127.0.0.1
}

// A tell is something by which connections show one mesh and no other: all that
// it asks for must be seen. What is zero is not asked for.
type tell struct {
	listener   uint16   // answered what was redirected
	noListener uint16   // did not
	dialled    []uint16 // one of these was dialled elsewhere than on loopback
	bound      answer
	spoofed    answer
	loop       answer

	// weak is set of what other meshes may show beside a tell of their own.
	// Weak tells are asked for last.
	weak bool
}

// An answer is what a sign must be.
type answer uint8

const (
	either answer = iota
	yes
	no
)

func (a answer) is(b bool) bool { return a == either || (a == yes) == b }

// in reports whether all that the tell asks for is seen.
func (t *tell) in(s *Signs) bool {
	return (t.listener == 0 || s.Listeners[t.listener]) &&
		(t.noListener == 0 || !s.Listeners[t.noListener]) &&
		(t.dialled == nil || slices.ContainsFunc(t.dialled, func(port uint16) bool { return s.Dialled[port] })) &&
		t.bound.is(s.Bound) && t.spoofed.is(s.Spoofed) && t.loop.is(s.Loop)
}

// Recognise returns the profile of the mesh that connections show: by the port
// to which what the application dials is redirected, by what else is dialled,
// and by how the proxy dials the application. Meshes that look alike, and no
// mesh at all, are taken for Istio.
func Recognise(s Signs) *Profile {
	known := meshes()
	for _, weak := range []bool{false, true} {
		for i := range known {
			if slices.ContainsFunc(known[i].tells, func(t tell) bool { return t.weak == weak && t.in(&s) }) {
				return &known[i].Profile
			}
		}
	}
	return Istio()
}
