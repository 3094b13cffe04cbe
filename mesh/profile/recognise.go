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

// A Tell is something by which connections show one mesh and no other: all that
// it asks for must be seen. What is zero is not asked for.
type Tell struct {
	Listener   uint16   // answered what was redirected
	NoListener uint16   // did not
	Dialled    []uint16 // one of these was dialled elsewhere than on loopback
	Bound      Answer
	Spoofed    Answer
	Loop       Answer

	// Weak is set of what other meshes may show beside a tell of their own.
	// Weak tells are asked for last.
	Weak bool
}

// An Answer is what a sign must be.
type Answer uint8

const (
	Either Answer = iota
	Yes
	No
)

func (a Answer) is(b bool) bool { return a == Either || (a == Yes) == b }

// in reports whether all that the tell asks for is seen.
func (t *Tell) in(s *Signs) bool {
	return (t.Listener == 0 || s.Listeners[t.Listener]) &&
		(t.NoListener == 0 || !s.Listeners[t.NoListener]) &&
		(t.Dialled == nil || slices.ContainsFunc(t.Dialled, func(port uint16) bool { return s.Dialled[port] })) &&
		t.Bound.is(s.Bound) && t.Spoofed.is(s.Spoofed) && t.Loop.is(s.Loop)
}

// Recognise returns the profile of the mesh that connections show: by the port
// to which what the application dials is redirected, by what else is dialled,
// and by how the proxy dials the application. Meshes that look alike, and no
// mesh at all, are taken for Istio.
func Recognise(s Signs) *Profile {
	all := All()
	for _, weak := range []bool{false, true} {
		for _, p := range all {
			if slices.ContainsFunc(p.Tells, func(t Tell) bool { return t.Weak == weak && t.in(&s) }) {
				return p
			}
		}
	}
	return Istio()
}
