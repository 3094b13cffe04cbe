package emit_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// What is written has the redirect undone, and read again it is plain DNS.
func TestLookupsWritten(t *testing.T) {
	var d sim.DNSTrace
	d.Add("lo", 0, sim.Pod+":40000", sim.Agent, sim.DNSQuery(7, "svc"))
	d.Add("lo", 1, sim.Pod+":40002", sim.Agent, sim.DNSQuery(8, "lost"))
	d.Add("lo", 2, sim.Resolver, sim.Pod+":40000", sim.DNSAnswer(7, "svc", "10.96.10.1"))
	d.Add("lo", 3, sim.Pod+":40004", sim.Agent, []byte("no DNS"))
	d.Add("eth0", 4, sim.Pod+":40006", "192.0.2.1:123", []byte("time"))
	for _, tt := range []struct {
		view       mesh.View
		keep       bool
		dns, other int
	}{{mesh.ViewPaths, false, 3, 0}, {mesh.ViewPaths, true, 3, 2}, {mesh.ViewLegs, false, 3, 0}} {
		r := d.Stitch(t)
		var out bytes.Buffer
		sum, err := r.WriteCapture(t.Context(), &out, &mesh.WriteOptions{View: tt.view, KeepOther: tt.keep})
		if err != nil {
			t.Fatal(err)
		}
		if sum.DNS != tt.dns || sum.Other != tt.other || sum.Packets != 0 || sum.Streams != 0 {
			t.Errorf("written: %+v, want %d of DNS and %d others", sum, tt.dns, tt.other)
		}
		file := filepath.Join(t.TempDir(), "stitched.pcapng")
		if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: file}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		var got []string
		for _, l := range again.Lookups {
			got = append(got, sim.LookupLine(l))
		}
		want := []string{
			"direct 10.244.1.10:40000 > 10.96.0.10:53 (10.96.0.10:53) svc A NOERROR [1 3]",
			"app 10.244.1.10:40002 > invalid AddrPort (127.0.0.1:15053) lost A  [2]",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("read again (-want +got):\n%s", diff)
		}
		if name := (capture.Name{Addr: "10.96.10.1", Name: "svc"}); !slices.Contains(again.Inputs[0].Names, name) {
			t.Errorf("names written: %v, want %v among them", again.Inputs[0].Names, name)
		}
	}
}

// A fragmented answer is written whole, once, and without its redirect.
func TestLookupFragments(t *testing.T) {
	var d sim.DNSTrace
	d.Add("lo", 0, sim.Pod+":40000", sim.Agent, sim.DNSQuery(7, "svc"))
	d.Add("lo", 1, sim.Resolver, sim.Pod+":40000", sim.DNSAnswer(7, "svc", "10.96.10.1"))
	d.Datagrams[0].Split, d.Datagrams[1].Split = 16, 32
	r := d.Stitch(t)
	var out bytes.Buffer
	sum, err := r.WriteCapture(t.Context(), &out, &mesh.WriteOptions{KeepOther: true})
	if err != nil || sum.DNS != 4 || sum.Other != 0 {
		t.Fatalf("%d packets of DNS and %d others written, %v; want 4 and none", sum.DNS, sum.Other, err)
	}
	again, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: pcap.WriteFile(t, "stitched.pcapng", out.Bytes())}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	want := "direct 10.244.1.10:40000 > 10.96.0.10:53 (10.96.0.10:53) svc A NOERROR [2 4]"
	if len(again.Lookups) != 1 || sim.LookupLine(again.Lookups[0]) != want {
		t.Errorf("read again: %d lookups, want %s", len(again.Lookups), want)
	}
}
