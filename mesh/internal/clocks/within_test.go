package clocks

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// A file is one input: who captured it, at which interface of which pod.
type file struct {
	pod, name string
	iface     string
	trace     *pcap.Trace
}

// within reads files, and measures the clocks within each pod. Names of files are those
// given.
func within(t *testing.T, files ...file) (*index.Index, []Own) {
	t.Helper()
	var names []string
	x := new(index.Index)
	groups := make(map[string][]*capture.Input)
	for i, f := range files {
		path := pcap.WriteFile(t, fmt.Sprintf("%d.pcapng", i), f.trace.PCAPNG())
		in, err := capture.OpenInput(t.Context(), path, &capture.Options{Input: uint32(i), InterfaceName: f.iface})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { in.Close() })
		if !slices.Contains(names, f.pod) {
			names = append(names, f.pod)
		}
		groups[f.pod] = append(groups[f.pod], in)
	}
	for _, name := range names {
		g, _, err := index.Read(t.Context(), groups[name], name, nil, len(names) > 1)
		if err != nil {
			t.Fatal(err)
		}
		x.Add(g)
	}
	return x, Within(x, names, func(in uint32) string { return files[in].name })
}

// Two captures of one pod share its clock only if what both saw agrees; if it does not,
// one is put right, whichever is given first.
func TestWithin(t *testing.T) {
	for _, tt := range []struct {
		name string
		far  host
		own  bool
	}{
		{"one clock", host{}, false},
		{"stamped a little later", host{ahead: 20 * time.Microsecond}, false},
		{"0.2 ms ahead", host{ahead: 200 * time.Microsecond}, true},
		{"421.1 ms behind", host{ahead: -421100 * time.Microsecond}, true},
		{"an hour ahead, elsewhere", host{late: true, ahead: time.Hour}, true},
	} {
		for _, swapped := range []bool{false, true} {
			t.Run(fmt.Sprint(tt.name, swapped), func(t *testing.T) {
				files := []file{
					{"", "b.pcap", "eth1", tt.far.see(talk(new(pcap.Trace), client, server, 1000, 60))},
					{"", "a.pcap", "eth0", host{}.see(talk(new(pcap.Trace), client, server, 1000, 60))},
				}
				if swapped {
					slices.Reverse(files)
				}
				x, owns := within(t, files...)
				if (len(owns) == 1) != tt.own || len(owns) > 1 {
					t.Fatalf("%+v", owns)
				}
				for _, o := range owns {
					if files[o.Inputs[0]].name != "b.pcap" || len(o.Inputs) != 1 || files[o.Against].name != "a.pcap" || o.Connections != 1 || o.Error > int64(4*delay) {
						t.Errorf("%+v", o)
					}
				}
				seen := make(map[uint16][]capture.Time) // by the port of who sent it
				for h := range x.Halves {
					p := x.Half(h)
					seen[p.Key.SrcPort] = append(seen[p.Key.SrcPort], p.FirstTime, p.LastTime)
				}
				for port, at := range seen {
					if d := max(at[0]-at[2], at[2]-at[0], at[1]-at[3], at[3]-at[1]); len(at) != 4 || d > capture.Time(3*delay) {
						t.Errorf("what port %d sent was seen %d ns apart: %v", port, d, at)
					}
				}
			})
		}
	}
}

// Inputs that share nothing have the pod's clock, and so have those that share a point
// with others.
func TestWithinAlike(t *testing.T) {
	see := func(ahead time.Duration, isn uint32) *pcap.Trace {
		return host{ahead: ahead}.see(talk(new(pcap.Trace), client, server, isn, 3))
	}
	both, second := talk(see(0, 1), client, server, 500, 3), talk(see(0, 1), client, server, 500, 3)
	second.DropFirst(see(0, 1).Len())
	for _, tt := range []struct {
		name  string
		files []file
		own   []uint32 // inputs
	}{
		{"one input", []file{{"", "a", "eth0", see(0, 1)}}, nil},
		{"other connections", []file{{"", "a", "eth0", see(0, 1)}, {"", "b", "lo", see(time.Second, 500)}}, nil},
		{"one point", []file{{"", "a", "eth0", see(0, 1)}, {"", "b", "eth0", see(time.Second, 1)}}, nil},
		{"another pod", []file{{"p", "a", "eth0", see(0, 1)}, {"q", "b", "eth1", see(time.Second, 1)}}, nil},
		{"rotated", []file{{"", "a", "eth0", see(0, 1)}, {"", "b", "eth1", see(time.Second, 500)}, {"", "c", "eth1", see(time.Second, 1)}}, []uint32{1, 2}},
		{"by another pod only", []file{{"p", "a", "eth0", see(0, 1)}, {"p", "b", "eth1", host{ahead: time.Second}.see(second)}, {"q", "c", "eth0", both.Trace}}, []uint32{1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, owns := within(t, tt.files...)
			var got []uint32
			for _, o := range owns {
				got = append(got, o.Inputs...)
			}
			if !slices.Equal(got, tt.own) {
				t.Errorf("inputs %v have a clock of their own, want %v", got, tt.own)
			}
		})
	}
}

// What is put right of one input is put right once, and pods are aligned after that.
func TestWithinAndBetween(t *testing.T) {
	see := func(ahead time.Duration) *pcap.Trace {
		c := talk(new(pcap.Trace), client, server, 1000, 60)
		c.DropFirst(3) // only marks tell
		return host{ahead: ahead}.see(c)
	}
	x, owns := within(t, file{"p", "a", "eth0", see(0)}, file{"q", "b", "eth0", see(-time.Second)}, file{"q", "c", "eth1", see(time.Hour)})
	if len(owns) != 1 || owns[0].Inputs[0] != 2 {
		t.Fatalf("%+v", owns)
	}
	clocks := Align(x, []string{"p", "q"})
	if c := clocks[1]; c.Alone || c.Connections != 2 || c.Correct(0) != int64(time.Second) {
		t.Errorf("%+v", c)
	}
	first := x.Half(1).FirstTime
	for h := range x.Halves {
		if at := x.Half(h).FirstTime; h%2 == 1 && at != first {
			t.Errorf("half %d was seen %d ns later", h, at-first)
		}
	}
}
