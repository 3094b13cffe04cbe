package judge

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/truth"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// Every conversation's bytes are those that the applications sent and
// received, and a stitched capture read back gives them too.
func TestBytes(t *testing.T) {
	each(t, func(t *testing.T, s *scene) { s.holdBytes(t) })
}

func (s *scene) holdBytes(t *testing.T) {
	for _, near := range []bool{false, true} {
		name := map[bool]string{false: "client", true: "server"}[near]
		r := s.stitch(t, mesh.Options{NearServer: near})
		j := newJudge(s.truth, r)
		streams := follow(t, r)
		n, bad := j.conversations(streams, near)
		s.settle(t, "bytes near "+name, bad)
		t.Logf("bytes near %s: %d conversations held against the truth, %d wrong", name, n, len(bad))
		file := write(t, r, nil)
		s.settle(t, "read back near "+name, compare(streams, readFile(t, file).streams()))
		if !near {
			file := write(t, r, &mesh.WriteOptions{View: mesh.ViewLegs})
			s.settle(t, "legs read back", j.legBytes(readFile(t, file).streams()))
		}
	}
}

// write writes a stitched capture and returns its name.
func write(t testing.TB, r *mesh.Result, o *mesh.WriteOptions) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "stitched.pcapng")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.WriteCapture(t.Context(), f, o); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// compare holds the streams that were read back against those followed.
func compare(want, got []*stream) (bad []string) {
	if len(want) != len(got) {
		bad = append(bad, fmt.Sprintf("%d streams, expected %d", len(got), len(want)))
	}
	for i := range min(len(want), len(got)) {
		if d := want[i].same(got[i].toward(want[i].client, want[i].server)); d != "" {
			bad = append(bad, fmt.Sprintf("stream %d: %s", i, d))
		}
	}
	return bad
}

// conversations holds the paths' bytes against what the applications wrote and
// read. It returns how many could be compared.
func (j *judge) conversations(streams []*stream, nearServer bool) (n int, bad []string) {
	for i := range j.truth.Conversations {
		c := &j.truth.Conversations[i]
		p := j.path(c)
		if p == nil {
			bad = append(bad, fmt.Sprintf("%s > %s: no path", c.Client, c.Server))
			continue
		}
		sent, received, whole := j.expected(c, p, nearServer)
		if sent == nil || received == nil {
			continue
		}
		n++
		for d, want := range [2]*truth.Tally{sent, received} {
			if s := streams[p.ID].flows[d].differs(*want, whole); s != "" {
				bad = append(bad, fmt.Sprintf("%s > %s, stream %d, %s: %s", c.Client, c.Server, p.ID, [2]string{"sent", "received"}[d], s))
			}
		}
	}
	return n, bad
}

// path returns the path of a conversation: the one that begins with its client
// leg.
func (j *judge) path(c *truth.Conversation) *flow.Path {
	l := j.m.ours[c.Legs[0]]
	for _, p := range j.r.Paths {
		if w, _ := j.truth.Leg(c.Legs[0]); w.Tunnel { // of which many come
			if p.Client.String() == c.Client && p.Server.String() == c.Server {
				return p
			}
			continue
		}
		if l != nil && p.Legs[0] == l.ID {
			return p
		}
	}
	return nil
}

// expected returns the bytes that a conversation's stream should carry, nil
// when they are not known: those of the client's leg, or of the legs next to
// it where that is encrypted or the server's side is asked for.
func (j *judge) expected(c *truth.Conversation, p *flow.Path, nearServer bool) (sent, received *truth.Tally, whole bool) {
	client, _ := j.truth.Leg(c.Legs[0])
	sealed := j.sealed(client.ID)
	beyond := c.ServerSent != nil && (sealed || nearServer)
	switch {
	case p.Mode == flow.H11To2: // other bytes: TestReencoded holds what they say
		return nil, nil, false
	case client.Tunnel: // the client itself was not captured
		return c.Sent, c.Received, client.Complete
	case client.Encrypted && !sealed && !nearServer: // decrypted
		return c.Sent, c.Received, client.Complete
	case !sealed && (!nearServer || len(p.Legs) == 1 || j.allSealed(c.Legs[1:])), j.hidden(c):
		return client.Sent, client.Received, client.Complete
	case c.Exchanges == 0 && len(p.Legs) > 1 && !p.Ambiguous && client.Complete: // carried on byte for byte
		return c.Sent, c.Received, true
	case !beyond || p.Ambiguous || j.far(c, p) || len(p.Legs) < len(c.Legs):
		return nil, nil, false
	}
	whole = true
	for _, id := range c.Legs[1:] {
		l, _ := j.truth.Leg(id)
		whole = whole && l.Complete
	}
	return c.ServerSent, c.ServerReceived, whole
}

// hidden reports whether no leg of a conversation can be read.
func (j *judge) hidden(c *truth.Conversation) bool { return j.allSealed(c.Legs) }

func (j *judge) allSealed(legs []string) bool {
	for _, id := range legs {
		if !j.sealed(id) {
			return false
		}
	}
	return true
}

// far reports whether a conversation goes through more than one proxy, so that
// the leg nearest the server is not next to the client.
func (j *judge) far(c *truth.Conversation, p *flow.Path) bool {
	for i := range j.truth.Links {
		l := &j.truth.Links[i]
		for _, id := range c.Legs[1:] {
			if l.From == id {
				return true
			}
		}
	}
	return false
}

// legBytes holds the streams of the view of legs against the truth.
func (j *judge) legBytes(streams []*stream) (bad []string) {
	if len(streams) != len(j.r.Legs) {
		bad = append(bad, fmt.Sprintf("%d streams of %d legs", len(streams), len(j.r.Legs)))
	}
	used := make(map[*stream]bool)
	for _, l := range j.r.Legs {
		w := j.m.truth[l.ID]
		if w == nil || w.Sent == nil || w.Received == nil {
			continue
		}
		if s := legBytes(l, w, streams, used); s != "" {
			bad = append(bad, fmt.Sprintf("%s %s > %s: %s", w.ID, w.OrigSrc, w.OrigDst, s))
		}
	}
	return bad
}

// legBytes finds the stream of a leg; of a tuple's incarnations the first that
// has its bytes.
func legBytes(l *flow.Leg, w *truth.Leg, streams []*stream, used map[*stream]bool) string {
	last := "no stream"
	for _, s := range streams {
		s := s
		v := s.toward(l.Orig.Src.String(), l.Orig.Dst.String())
		if used[s] || v.client != l.Orig.Src.String() || v.server != l.Orig.Dst.String() {
			continue
		}
		if last = v.flows[0].differs(*w.Sent, w.Complete) + v.flows[1].differs(*w.Received, w.Complete); last == "" {
			used[s] = true
			return ""
		}
	}
	return last
}

// The view of legs drops no TCP packet, not even those that lost their NAT;
// only a second sighting of a connection is left out.
func TestLegsView(t *testing.T) {
	wide(t, func(t *testing.T, s *scene) {
		for i := range s.truth.Legs {
			if len(s.truth.Legs[i].Points) > 1 {
				t.Skip("some connection was captured twice")
			}
		}
		if s.truth.Scenario == "eth0-and-any" {
			t.Skip("every packet of eth0 was captured twice")
		}
		r := s.stitch(t, mesh.Options{})
		want := 0
		for _, in := range r.Inputs {
			want += in.Packets - in.NonTCP
		}
		sum, err := r.WriteCapture(t.Context(), io.Discard, &mesh.WriteOptions{View: mesh.ViewLegs})
		if err != nil {
			t.Fatal(err)
		}
		if sum.Packets != want || sum.Streams != len(r.Legs) {
			t.Errorf("%d packets and %d streams, of %d TCP packets and %d legs", sum.Packets, sum.Streams, want, len(r.Legs))
		}
	})
}
