package truthtest

import (
"os"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/testbed"
	"github.com/pcapmesh/pcapmesh/mesh"
)

func TestZZ(t *testing.T) {
	for _, name := range []string{"mtls-tcp", "mtls-tcp-tls12", "mtls-http", "mtls-h2-in", "mtls-streaming", "inbound-plain-tcp"} {
		s := load(t, testbed.TruthFile(pcaps, name))
		for seed := range uint64(3) {
			t.Run(fmt.Sprint(name, " seed ", seed), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 0x6b65))
				all := s.tapes(t)
				edit(all, func(*capture.Packet) bool { return rng.IntN(100) > 0 })
				in := writeTapes(t, all)
				for i, f := range in { b, _ := os.ReadFile(f.File); os.WriteFile(fmt.Sprintf("/tmp/lossy-%s-%d-%d.pcapng", name, seed, i), b, 0o644) }
				a := newJudge(s.truth, stitch(t, in, mesh.Options{}))
				t.Logf("no keys: %v %v wrong %d", a.count().separable, a.count().other, len(a.wrong()))
				if s.truth.Keys != "" {
				r := s.decrypted(t, in)
				b := newJudge(s.truth, r)
				if name == "mtls-tcp" {
				for i := range s.truth.Links {
					l := &s.truth.Links[i]
					if b.link(l) != right {
						x, y := b.m.ours[l.From], b.m.ours[l.To]
						if x == nil || y == nil { t.Log("no leg", l.From, l.To, x==nil,y==nil); continue}
						for _, k := range []*mesh.Leg{x, y} {
							t.Log(k.ID, k.Orig, k.Role, k.Midstream, k.OrigBytes, k.ReplyBytes, k.OrigMissing, k.ReplyMissing, k.ClosedBy, len(k.Captured), k.Start, k.End)
						}
					}
				}
				}
				t.Logf("keys: %v wrong %d", b.count().other, len(b.wrong()))
				for _, l := range b.count().lost {
					t.Log(l)
				}
				}
			})
		}
	}
	s := load(t, testbed.TruthFile(pcaps, "mtls-http"))
	all := s.tapes(t)
	edit(all, func(p *capture.Packet) bool { p.Data = p.Data[:min(len(p.Data), 96)]; return true })
				in := writeTapes(t, all)
				a := newJudge(s.truth, stitch(t, in, mesh.Options{}))
				b := newJudge(s.truth, s.decrypted(t, in))
				t.Logf("cut: no keys: %v wrong %d", a.count().other, len(a.wrong()))
				t.Logf("keys: %v wrong %d", b.count().other, len(b.wrong()))
}
