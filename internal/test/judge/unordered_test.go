package judge

import (
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// Captures that several CPUs fed have packets that are stamped earlier than those before
// them. Paths have the numbers of their streams in the stitched capture all the same.
func TestUnordered(t *testing.T) {
	wide(t, func(t *testing.T, s *scene) {
		if s.crowded() {
			t.Skip("its streams are like others'")
		}
		all := s.tapes(t)
		edit(all, func(p *capture.Packet) bool {
			if v, ok := dissectPacket(p); ok && v.flags()&0x02 != 0 && v.src.Port()/2%3 == 0 {
				p.Time -= capture.Time(2 * time.Millisecond)
			}
			return true
		})
		inputs := writeTapes(t, all)
		for _, near := range []bool{false, true} {
			r := stitch(t, inputs, mesh.Options{NearServer: near})
			complain(t, "read back", compare(follow(t, r), readFile(t, write(t, r, nil)).streams()))
		}
	})
}
