package outside

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
	"github.com/pcapmesh/pcapmesh/mesh/conntrack"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/names"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/record"
	"github.com/pcapmesh/pcapmesh/mesh/sockets"
)

// A pod with all that it leaves: captures, conntrack, access log, rules and sockets.
func TestStitch(t *testing.T) {
	file := func(what string) []record.File {
		return []record.File{{Name: pcaps + "retry-503-" + what, Pod: "shop"}}
	}
	o := &mesh.Options{Profile: profile.Istio(), Records: record.Files{
		Conntrack: file("conntrack.txt"), AccessLogs: file("access.log"), Rules: file("iptables.txt"), Sockets: file("ss.txt"),
	}}
	r, err := mesh.Stitch(t.Context(), []mesh.Input{
		{Name: pcaps + "retry-503-eth0.pcap", Pod: "shop", Interface: "eth0"}, {Name: pcaps + "retry-503-lo.pcap", Pod: "shop"},
	}, o)
	must(t, err)
	defer r.Close()
	in := r.Inputs[0]
	var point mesh.InputPoint = in.Points[0]
	if in.Interface != "eth0" || point.Name != "eth0" || in.Application != "" || len(in.Names)+len(in.Comments)+in.Secrets != 0 || in.First > in.Last {
		t.Errorf("input %+v", in)
	}
	if r.Profile.Name != "istio" || len(r.Records) != 4 || len(r.Conflicts) != 0 || r.NotDNS != 0 {
		t.Errorf("%s, records %+v, conflicts %+v", r.Profile.Name, r.Records, r.Conflicts)
	}
	kinds := make(map[flow.EvidenceKind]int)
	for _, j := range r.Joins {
		for _, e := range j.Evidence {
			kinds[e.Kind]++
		}
	}
	if kinds[flow.Conntrack]+kinds[flow.AccessLog]+kinds[flow.RequestID] == 0 || kinds[flow.SameConnection] != 0 {
		t.Errorf("evidence %v", kinds)
	}
	views := map[mesh.View]mesh.Comments{mesh.ViewPaths: mesh.CommentFirst, mesh.ViewLegs: mesh.CommentAll}
	for view, comments := range views {
		var out bytes.Buffer
		sum, err := r.WriteCapture(t.Context(), &out, &mesh.WriteOptions{View: view, Comments: comments})
		if must(t, err); sum.Streams == 0 || !bytes.Contains(out.Bytes(), []byte(mesh.Application)) {
			t.Errorf("view %d: %+v", view, sum)
		}
	}
	must(t, r.Close())
	if _, err := r.WriteCapture(t.Context(), io.Discard, nil); err != mesh.ErrClosed {
		t.Errorf("after Close: %v", err)
	}
}

// Every reason for which nothing is written or read can be told.
func TestReasons(t *testing.T) {
	eth0 := pcaps + "inbound-plain-eth0.pcap"
	r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: eth0}, {Name: eth0}, {Name: "nowhere"}}, nil)
	var e *mesh.InputError
	if !errors.As(err, &e) || e.Input != 2 || e.Name != "nowhere" || !errors.Is(e.Err, os.ErrNotExist) || e.Unwrap() != e.Err || e.Error() == "" {
		t.Fatalf("%v: %+v", err, e)
	}
	defer r.Close()
	if !errors.Is(r.Inputs[1].Err, mesh.ErrRepeated) {
		t.Errorf("given twice: %v", r.Inputs[1].Err)
	}
	for _, err := range r.Packets(t.Context(), 99) {
		if !errors.Is(err, mesh.ErrNoLeg) {
			t.Errorf("leg 99: %v", err)
		}
	}
	for number, want := range map[[2]int]error{{99, mesh.AllExchanges}: mesh.ErrNoPath, {0, 99}: mesh.ErrNoExchange} {
		for _, err := range r.Follow(t.Context(), number[0], number[1]) {
			if !errors.Is(err, want) {
				t.Errorf("%v: %v, want %v", number, err, want)
			}
		}
	}
	other := filepath.Join(t.TempDir(), "other")
	must(t, os.WriteFile(other, []byte("somebody's"), 0o600))
	for name, want := range map[string]error{eth0: mesh.ErrOutputIsInput, other: mesh.ErrOutputExists} {
		if _, err := r.WriteFile(t.Context(), name, nil); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	if _, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: eth0}}, &mesh.Options{KeyLogs: []string{other}}); !errors.Is(err, mesh.ErrNoKeys) {
		t.Errorf("no keys: %v", err)
	}
}

// The words in which things are told.
func TestWords(t *testing.T) {
	format, err := accesslog.ParseFormat("%RESPONSE_CODE%")
	must(t, err)
	var role names.Role = names.App
	for _, tt := range [][2]string{
		{role.String(), "app"}, {names.FromDNS.String(), "dns"}, {sockets.Established.String(), "ESTABLISHED"},
		{conntrack.Destroy.String(), "[DESTROY]"}, {accesslog.Ztunnel.String(), "ztunnel"}, {format.String(), "%RESPONSE_CODE%"},
	} {
		if tt[0] != tt[1] {
			t.Errorf("%q, want %q", tt[0], tt[1])
		}
	}
	for _, err := range []error{&accesslog.Malformed{}, &conntrack.Malformed{}} {
		if err.Error() == "" {
			t.Errorf("%T says nothing", err)
		}
	}
	var lines *accesslog.Reader = accesslog.NewReader(strings.NewReader(""), format)
	var entries *conntrack.Reader = conntrack.NewReader(strings.NewReader(""))
	var table *conntrack.Table = conntrack.NewTable(nil)
	_, noLine := lines.Next()
	_, noEntry := entries.Next()
	if table.Close(); noLine != io.EOF || noEntry != io.EOF {
		t.Errorf("of nothing %v and %v", noLine, noEntry)
	}
}
