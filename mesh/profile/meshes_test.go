package profile

import "testing"

// Every mesh says what it runs and how its rules are named.
func TestProfilesAreWhole(t *testing.T) {
	for _, m := range meshes() {
		if len(m.programs) == 0 || len(m.Chains) == 0 {
			t.Errorf("%s: programs %v, chains %v", m.Name, m.programs, m.Chains)
		}
		for _, p := range m.programs {
			if got := ComponentOf([]string{p.name}); got != p.component {
				t.Errorf("%s: %s is %q, want %q", m.Name, p.name, got, p.component)
			}
		}
	}
}
