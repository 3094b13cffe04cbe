package rules

import (
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// Mesh returns the name of the mesh that wrote the rules, as its profile has it;
// "" if they tell none. Meshes are known by the names of their chains and tables.
func (s *Ruleset) Mesh() string {
	known := profile.All()
	found := ""
	for _, t := range s.Tables {
		for _, p := range known {
			if slices.ContainsFunc(p.Tables, func(begin string) bool { return strings.HasPrefix(t.Name, begin) }) {
				return p.Name
			}
		}
		for _, c := range t.Chains {
			name, sure := meshOfChain(known, c.Name)
			if sure {
				return name
			}
			if found == "" {
				found = name
			}
		}
	}
	return found
}

// meshOfChain returns the mesh whose chains' names begin as a name does, the most
// of it. It is sure if that is more than what another mesh's begin with: a pod
// with chains of both is of this one, as ambient's have some of sidecars'.
func meshOfChain(known []*profile.Profile, name string) (mesh string, sure bool) {
	longest := 0
	for _, p := range known {
		for _, begin := range p.Chains {
			if !strings.HasPrefix(name, begin) {
				continue
			}
			sure = sure || mesh != "" && mesh != p.Name
			if len(begin) > longest {
				mesh, longest = p.Name, len(begin)
			}
		}
	}
	return mesh, sure
}
