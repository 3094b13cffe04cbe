package judge

import (
	"encoding/xml"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// A paired is a request and the answer that tshark gives it.
type paired struct {
	method, target string
	status         int   // 0: none
	length         int64 // of the answer's content, announced or seen; -1 = neither
}

func (p paired) String() string { return fmt.Sprintf("%s %s: %d", p.method, p.target, p.status) }

// pipelined reports whether a path's client asked before it had the answer on a
// connection of HTTP/1.1. Its packets are written as they are, and tshark 4.0 takes each
// answer for that to the last request.
func pipelined(r *mesh.Result, p *flow.Path) bool {
	if r.Legs[p.Legs[0]].Protocol != flow.ProtocolHTTP1 {
		return false
	}
	for i := range p.Exchanges {
		if i > 0 && p.Exchanges[i].Hops[0].RequestStart < p.Exchanges[i-1].Hops[0].ResponseEnd {
			return true
		}
	}
	return false
}

// cut lists scenarios whose packets are cut in the middle of heads and bodies, of which
// tshark reads as good as nothing.
var cut = map[string]bool{"snaplen-96": true}

// Wireshark, which knows nothing of meshes, gives in a stitched capture every request
// its own answer, and no answer to another: with keys and without.
func TestPaired(t *testing.T) {
	need(t, "tshark")
	each(t, func(t *testing.T, s *scene) {
		t.Parallel()
		if s.huge() {
			t.Skip("its streams are like mtls-http's")
		}
		if cut[s.truth.Scenario] || s.live && !s.complete() {
			t.Skip("it misses bytes that tshark needs")
		}
		s.holdPaired(t, "paired", mesh.Options{})
		if s.truth.Keys != "" {
			s.holdPaired(t, "paired with keys", mesh.Options{KeyLogs: []string{filepath.Join(s.dir, s.truth.Keys)}})
		}
		if s.chosen() {
			s.holdPaired(t, "paired near server", mesh.Options{NearServer: true})
		}
	})
}

func (s *scene) holdPaired(t *testing.T, name string, o mesh.Options) {
	r := s.stitch(t, o)
	got := pairs(t, write(t, r, nil))
	var bad []string
	n, left := 0, 0
	for i, p := range r.Paths {
		if got[i] == nil {
			got[i] = new(pairing)
		}
		if !o.NearServer && pipelined(r, p) {
			left += len(p.Exchanges)
			delete(got, i)
			continue
		}
		n += len(got[i].all)
		bad = append(bad, differing(i, newJudge(s.truth, r).written(p, o.NearServer), got[i].all)...)
	}
	for i, p := range got {
		bad = append(bad, p.bad...)
		bad = append(bad, untrue(i, p.all)...)
	}
	slices.Sort(bad)
	s.settle(t, name, bad)
	t.Logf("%s: %d requests; %d of clients that do not wait for answers", name, n, left)
}

// written lists the exchanges of a path that stand in its stream, as far as they were
// captured on the leg whose bytes do: of the hops that can be read and are no guess, the
// client's, or near the server the last. Of guesses that are the client's for sure each is
// written once.
func (j *judge) written(p *flow.Path, near bool) (all []paired) {
	guessed := make(map[spot]bool)
	for i := range p.Exchanges {
		x := &p.Exchanges[i]
		readable := slices.DeleteFunc(slices.Clone(x.Hops), func(h flow.Hop) bool { return j.r.Legs[h.Leg].Protocol == flow.ProtocolTLS })
		sure := slices.DeleteFunc(slices.Clone(readable), func(h flow.Hop) bool { return h.Ambiguous })
		caused := slices.IndexFunc(readable, func(h flow.Hop) bool { return h.Caused })
		switch {
		case len(sure) > 0 && near:
			all = append(all, pairedOf(x, &sure[len(sure)-1]))
		case len(sure) > 0:
			all = append(all, pairedOf(x, &sure[0]))
		case caused >= 0 && !guessed[spotOf(&readable[caused])]:
			guessed[spotOf(&readable[caused])] = true
			all = append(all, j.told(&readable[caused]))
		}
	}
	return all
}

// pairedOf returns what is read of an exchange on one of its hops.
func pairedOf(x *flow.Exchange, h *flow.Hop) paired {
	w := paired{x.Method, x.Target, x.Status, -1}
	if h.Request == [2]int64{} {
		w.method, w.target = "", ""
	}
	if h.Response == [2]int64{} {
		w.status = 0
	}
	return w
}

// told returns what the truth tells of the exchange that a hop is.
func (j *judge) told(h *flow.Hop) paired {
	e := j.end(spotOf(h))
	for i := range j.truth.Links {
		if l := &j.truth.Links[i]; l.To == e.leg && l.ToExchange == e.no {
			return paired{l.Method, l.Target, l.Status, -1}
		}
	}
	return paired{}
}

// differing compares what stands in a stream with what is read from it.
func differing(stream int, want, got []paired) (bad []string) {
	n := make(map[string]int)
	for _, p := range want {
		n[p.String()]++
	}
	for _, p := range got {
		n[p.String()]--
	}
	for p, k := range n {
		switch {
		case k > 0:
			bad = append(bad, fmt.Sprintf("stream %d: %s is not read", stream, p))
		case k < 0:
			bad = append(bad, fmt.Sprintf("stream %d: %s is read, and is not there", stream, p))
		}
	}
	return bad
}

// sized is what a request tells of the length of its answer: the applications answer as
// much as they are asked for.
var sized = regexp.MustCompile(`[?&]size=(\d+)`)

// untrue lists the pairs that never were.
func untrue(stream int, got []paired) (bad []string) {
	for _, p := range got {
		if m := sized.FindStringSubmatch(p.target); m != nil && p.status == 200 && p.length >= 0 && m[1] != fmt.Sprint(p.length) {
			bad = append(bad, fmt.Sprintf("stream %d: %v is answered by %d bytes", stream, p, p.length))
		}
	}
	return bad
}

// A field is one of PDML, as tshark writes it: a protocol or a field of it.
type field struct {
	Name   string  `xml:"name,attr"`
	Show   string  `xml:"show,attr"`
	Fields []field `xml:"field"`
}

// walk calls yield with f and all fields in it.
func (f *field) walk(yield func(*field)) {
	yield(f)
	for i := range f.Fields {
		f.Fields[i].walk(yield)
	}
}

// values returns what stands in fields of some names, the last of each.
func (f *field) values() map[string]string {
	m := make(map[string]string)
	f.walk(func(f *field) {
		if f.Name == "http.chunk_size" {
			n, _ := strconv.Atoi(m[f.Name])
			k, _ := strconv.Atoi(f.Show)
			m[f.Name] = fmt.Sprint(n + k)
			return
		}
		m[f.Name] = f.Show
	})
	return m
}

// A pairing collects the pairs of one stream.
type pairing struct {
	stream int
	all    []paired
	byID   map[string]int // of HTTP/2
	bad    []string
}

// pairs has tshark read a capture, and returns by stream which requests there are and
// which answer it gives them.
func pairs(t testing.TB, file string) map[int]*pairing {
	t.Helper()
	cmd := exec.Command("tshark", "-n", "-r", file, "--enable-heuristic", "http2_tcp", "--disable-protocol", "grpc",
		"-Y", "http or http2", "-T", "pdml", "-J", "tcp http http2")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	streams := make(map[int]*pairing)
	d := xml.NewDecoder(out)
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		e, ok := tok.(xml.StartElement)
		if !ok || e.Name.Local != "packet" {
			continue
		}
		var packet struct {
			Protos []field `xml:"proto"`
		}
		if err := d.DecodeElement(&packet, &e); err != nil {
			t.Fatal(err)
		}
		enter(t, streams, packet.Protos)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return streams
}

// enter notes what a packet has.
func enter(t testing.TB, streams map[int]*pairing, protos []field) {
	t.Helper()
	var p *pairing
	for i := range protos {
		switch f := &protos[i]; f.Name {
		case "tcp":
			n, err := strconv.Atoi(f.values()["tcp.stream"])
			if err != nil {
				t.Fatal(err)
			}
			if p = streams[n]; p == nil {
				p = &pairing{stream: n, byID: make(map[string]int)}
				streams[n] = p
			}
		case "http":
			p.http1(f.values())
		case "http2":
			for i := range f.Fields {
				if f.Fields[i].Name == "http2.stream" {
					p.http2(f.Fields[i].values())
				}
			}
		}
	}
}

// number reads a length; -1 when there is none.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// http1 notes a message of HTTP/1.1.
func (p *pairing) http1(v map[string]string) {
	if m, ok := v["http.request.method"]; ok {
		p.all = append(p.all, paired{m, v["http.request.uri"], 0, -1})
		return
	}
	status, _ := strconv.Atoi(v["http.response.code"])
	if status == 0 || status < 200 && status != 101 {
		return
	}
	length := number(v["http.content_length_header"])
	if v["http.chunk_size"] != "" {
		length = number(v["http.chunk_size"])
	}
	uri := v["http.response_for.uri"]
	for i := len(p.all) - 1; i >= 0; i-- {
		if q := &p.all[i]; uri != "" && strings.HasSuffix(uri, q.target) && q.status == 0 {
			q.status, q.length = status, length
			return
		}
	}
	if uri != "" {
		p.bad = append(p.bad, fmt.Sprintf("stream %d: an answer to %s that has one, or was not asked", p.stream, uri))
	}
	p.all = append(p.all, paired{"", "", status, length})
}

// http2 notes a frame of HTTP/2.
func (p *pairing) http2(v map[string]string) {
	id := v["http2.streamid"]
	if m, ok := v["http2.headers.method"]; ok {
		p.byID[id] = len(p.all)
		p.all = append(p.all, paired{m, v["http2.headers.path"], 0, -1})
		return
	}
	i, ok := p.byID[id]
	status, err := strconv.Atoi(v["http2.headers.status"])
	if err != nil || status < 200 {
		return
	}
	switch {
	case !ok:
		p.byID[id] = len(p.all)
		p.all = append(p.all, paired{"", "", status, -1})
	case p.all[i].status != 0:
		p.bad = append(p.bad, fmt.Sprintf("stream %d: %v has a second answer, %d", p.stream, p.all[i], status))
	default:
		p.all[i].status, p.all[i].length = status, number(v["http2.headers.content_length"])
	}
}
