package judge

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// mostDecrypted bounds how many connections of a scene are held against tshark.
const mostDecrypted = 6

// What we decrypt is what tshark decrypts, byte for byte, wherever it can: it
// does not know half-flows.
func TestDecryptedAsTshark(t *testing.T) {
	need(t, "tshark")
	wide(t, func(t *testing.T, s *scene) {
		if s.truth.Keys == "" {
			t.Skip("nobody speaks TLS")
		}
		keys := filepath.Join(s.dir, s.truth.Keys)
		r := s.stitch(t, mesh.Options{KeyLogs: []string{keys}})
		streams := follow(t, r)
		n := 0
		for i, in := range s.inputs {
			var paths []*flow.Path
			for _, p := range r.Paths {
				l := r.Legs[p.Legs[0]]
				if l.Decrypted && l.Protocol != flow.ProtocolHBONE && slices.Contains(l.Inputs, i) && len(l.Captured) == 2 && l.Captured[0] == l.Captured[1].Reverse() {
					paths = append(paths, p)
				}
			}
			paths = paths[:min(len(paths), mostDecrypted)]
			if len(paths) == 0 {
				continue
			}
			theirs := tsharkDecrypts(t, in.Name, keys, paths)
			for _, p := range paths {
				n++
				for d, name := range [2]string{"sent", "received"} {
					a, b := streams[p.ID].flows[d].data, theirs[p.Client.String()].flows[d].data
					if !slices.Equal(a, b) {
						t.Errorf("stream %d, %s: %d bytes, tshark has %d, equal up to %d", p.ID, name, len(a), len(b), common(a, b))
					}
				}
			}
		}
		t.Logf("%d connections held against tshark", n)
	})
}

// tsharkDecrypts has tshark decrypt the client legs of paths. It returns them
// by client.
func tsharkDecrypts(t *testing.T, file, keys string, paths []*flow.Path) map[string]*stream {
	args := []string{"-n", "-r", file, "-o", "tls.keylog_file:" + keys, "-o", "tcp.reassemble_out_of_order:TRUE"}
	byClient := make(map[string]*stream)
	for _, p := range paths {
		if byClient[p.Client.String()] == nil {
			args = append(args, "-d", fmt.Sprintf("tcp.port==%d,tls", p.Server.Port()))
			byClient[p.Client.String()] = &stream{client: p.Client.String()}
		}
	}
	byNumber := make(map[string]*stream)
	first := append(slices.Clone(args), "-Y", "tls", "-T", "fields", "-e", "tcp.stream", "-e", "ip.src", "-e", "ipv6.src", "-e", "tcp.srcport")
	for line := range strings.Lines(string(run(t, "tshark", first...))) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if s := byClient[net.JoinHostPort(f[1]+f[2], f[3])]; s != nil && byNumber[f[0]] == nil {
			byNumber[f[0]] = s
			args = append(args, "-z", "follow,tls,raw,"+f[0])
		}
	}
	var s *stream
	turned := false // tshark takes for the client who sent the first data
	for line := range strings.Lines(string(run(t, "tshark", append(args, "-q")...))) {
		line = strings.TrimRight(line, "\n")
		if n, ok := strings.CutPrefix(line, "Filter: tcp.stream eq "); ok {
			s = byNumber[n]
		} else if node, ok := strings.CutPrefix(line, "Node 0: "); ok {
			turned = endpoint(node) != s.client
		} else if b, err := hex.DecodeString(strings.TrimPrefix(line, "\t")); err == nil && len(b) > 0 {
			f := &s.flows[side(line[0] == '\t' != turned)]
			f.data = append(f.data, b...)
		}
	}
	return byClient
}

// With packets missing, what is decrypted stands where it stands in the whole
// stream, and not much more is lost than the records in the missing packets.
func TestDecryptMissing(t *testing.T) {
	for _, name := range []string{"mtls-tcp", "mtls-tcp-tls12", "mtls-http", "mtls-http-tls12", "mtls-h2-in", "mtls-streaming"} {
		s := load(t, truth.Path(pcaps, name))
		whole := make(map[string]*stream)
		for _, w := range follow(t, s.decrypted(t, s.inputs)) {
			whole[w.client] = w
		}
		for seed := range uint64(3) {
			t.Run(fmt.Sprint(name, " seed ", seed), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 0x6b65))
				all := s.tapes(t)
				edit(all, func(*capture.Packet) bool { return rng.IntN(100) > 0 })
				r := s.decrypted(t, writeTapes(t, all))
				holdPlaces(t, r, whole)
				j := newJudge(s.truth, r)
				s.settle(t, fmt.Sprintf("missing with keys, seed %d: wrong", seed), j.wrong())
				t.Logf("links: %v", j.count())
			})
		}
	}
}

func (s *scene) decrypted(t *testing.T, inputs []mesh.Input) *mesh.Result {
	return stitch(t, inputs, mesh.Options{KeyLogs: []string{filepath.Join(s.dir, s.truth.Keys)}})
}

// holdPlaces holds what was read of decrypted client legs against the whole
// streams.
func holdPlaces(t *testing.T, r *mesh.Result, whole map[string]*stream) {
	var there, all int64
	tickets := 0
	for i, p := range r.Paths {
		w := whole[p.Client.String()]
		if l := r.Legs[p.Legs[0]]; !l.Decrypted || l.Protocol == flow.ProtocolHBONE || w == nil {
			continue
		}
		var at [2]int64
		for d := range at {
			all += int64(len(w.flows[d].data))
		}
		for c, err := range r.Follow(t.Context(), i, mesh.AllExchanges) {
			if err != nil {
				t.Error(err)
				break
			}
			d := side(c.Reply)
			data := w.flows[d].data
			from := at[d]
			at[d] += int64(len(c.Data)) + c.Missing
			there += int64(len(c.Data))
			if len(c.Data) == 0 || at[d] <= int64(len(data)) && bytes.Equal(data[from:at[d]], c.Data) {
				continue
			}
			if bytes.HasPrefix(data, c.Data) { // what was lost were session tickets
				at[d] = int64(len(c.Data))
				tickets++
				continue
			}
			t.Errorf("stream %d at %d: %d bytes that stand elsewhere: %.40q", i, from, len(c.Data), c.Data)
		}
	}
	t.Logf("%d of %d bytes; %d streams may lack something in front", there, all, tickets)
	if there*100 < all*98 {
		t.Errorf("%d of %d bytes; one packet in a hundred was missing", there, all)
	}
}
