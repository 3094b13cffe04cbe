// Package testindex makes what deciding starts from: an index of simulated
// captures, and the records beside them. Tests of the rooms below
// mesh/internal/decide use it, and nothing else, where a whole run would say less
// of the room.
package testindex

import (
	"errors"
	"fmt"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// A World is what was captured of pods, and what else they left. The zero World
// is empty and ready to use.
type World struct {
	Pods  []Pod
	Texts []Text
	Keys  string // a key log
}

// A Pod is one pod and its capture.
type Pod struct {
	Name  string
	Trace *pcap.Trace
	File  []byte // of a capture, in place of Trace
}

// A Text is a file with records.
type Text struct {
	Kind record.Kind
	Pod  string
	Text string
}

// Of returns the world of one pod without a name.
func Of(tr *pcap.Trace, texts ...Text) *World { return &World{Pods: []Pod{{Trace: tr}}, Texts: texts} }

// An Indexed is a World that was read.
type Indexed struct {
	Index   *index.Index
	Records *recorded.Records
	inputs  [][]*capture.Input // by group
}

// Read reads all captures and records of the world. The files are named pod0.pcapng
// and record0 and so on, in the order in which they stand.
func (w *World) Read(tb testing.TB) *Indexed {
	tb.Helper()
	files := w.files(tb)
	rs, err := recorded.ReadRules(tb.Context(), files)
	if err != nil {
		tb.Fatal(err)
	}
	r := &Indexed{Index: &index.Index{Ports: append(index.ResolverPorts(nil), rs.DNSPorts()...)}, Records: rs}
	var keys []string
	if w.Keys != "" {
		keys = append(keys, pcap.WriteFile(tb, "keys", []byte(w.Keys)))
	}
	if r.Index.Keys, err = index.OpenKeys(tb.Context(), keys); err != nil {
		tb.Fatal(err)
	}
	for i, p := range w.Pods {
		r.read(tb, i, p, len(w.Pods) > 1)
	}
	if err := rs.Read(tb.Context(), files, r.Index); err != nil {
		tb.Fatal(err)
	}
	return r
}

// files writes the records to files.
func (w *World) files(tb testing.TB) *record.Files {
	tb.Helper()
	files := new(record.Files)
	for i, t := range w.Texts {
		files.Add(t.Kind, record.File{Name: pcap.WriteFile(tb, fmt.Sprintf("record%d", i), []byte(t.Text)), Pod: t.Pod})
	}
	return files
}

// read reads the capture of the i-th pod, which may be one of several.
func (r *Indexed) read(tb testing.TB, i int, p Pod, others bool) {
	tb.Helper()
	if p.File == nil {
		p.File = p.Trace.PCAPNG()
	}
	in, err := capture.OpenInput(tb.Context(), pcap.WriteFile(tb, fmt.Sprintf("pod%d.pcapng", i), p.File), &capture.Options{Input: uint32(i)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { in.Close() })
	r.inputs = append(r.inputs, []*capture.Input{in})
	g, _, err := index.Read(tb.Context(), r.inputs[i], p.Name, r.Index.Ports, others)
	if err != nil {
		tb.Fatal(err)
	}
	r.Index.Add(g)
}

// Again reads again what pairs of halves show to have been misread.
func (r *Indexed) Again(tb testing.TB, pairs []index.Pair) {
	tb.Helper()
	if err := errors.Join(index.Decrypt(tb.Context(), r.Index, r.inputs, pairs), index.Reread(tb.Context(), r.Index, r.inputs, pairs)); err != nil {
		tb.Fatal(err)
	}
}

// On adds a connection at an interface, with timestamps; eth0 and lo are different
// capture points.
func On(tr *pcap.Trace, iface, orig, dst string) *pcap.Connection {
	point := map[string]tcpip.Point{"eth0": 0, "lo": 1}[iface]
	return tr.Conn(orig, dst).At(point, iface).Timestamps()
}
