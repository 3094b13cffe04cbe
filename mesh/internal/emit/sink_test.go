package emit

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
)

// contents describes a capture: its program, interfaces, names and secrets, and
// its packets with the comments that they have.
func contents(t *testing.T, data []byte) []string {
	t.Helper()
	r, err := capture.NewReader(bytes.NewReader(data), nil)
	if err != nil {
		t.Fatal(err)
	}
	var packets []string
	for {
		p, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, fmt.Sprintf("%d at %d: %q of %d, flags %d, %q", p.Interface, p.Time, p.Data, p.WireLen, p.Flags, p.Comments))
	}
	out := []string{fmt.Sprintf("%q %q", r.Application(), r.Comments())}
	for _, i := range r.Interfaces() {
		out = append(out, fmt.Sprintf("interface %q %q %v", i.Name, i.Description, i.Link))
	}
	for _, n := range r.Names() {
		out = append(out, fmt.Sprint("name ", n.Addr, " ", n.Name))
	}
	for _, s := range r.Secrets() {
		out = append(out, fmt.Sprintf("secret %d %q", s.Type, s.Data))
	}
	return append(out, packets...)
}

// A classic file has packets and nothing else.
func TestSinks(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    Options
		want []string
	}{
		{"pcapng", Options{Version: "1.2"}, []string{
			`"pcapmesh 1.2" ["from a"]`, `interface "eth0" "" ETHERNET`, `interface "lo" "" ETHERNET`, "name 10.0.0.1 a", `secret 5 "key"`,
			`0 at 1000: "fourteen bytesbody" of 19, flags 1, ["hello"]`, `1 at 2000: "packet number two" of 17, flags 0, []`,
		}},
		{"pcapng of no version", Options{}, []string{
			`"pcapmesh" ["from a"]`, `interface "eth0" "" ETHERNET`, `interface "lo" "" ETHERNET`, "name 10.0.0.1 a", `secret 5 "key"`,
			`0 at 1000: "fourteen bytesbody" of 19, flags 1, ["hello"]`, `1 at 2000: "packet number two" of 17, flags 0, []`,
		}},
		{"classic", Options{Classic: true, Version: "1.2"}, []string{`"" []`, `interface "" "" ETHERNET`, `0 at 1000: "fourteen bytesbody" of 19, flags 0, []`, `0 at 2000: "packet number two" of 17, flags 0, []`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			s, err := newSink(&b, &tt.o, []string{"from a"})
			if err != nil {
				t.Fatal(err)
			}
			check := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			var ifaces []int
			for _, name := range []string{"eth0", "lo"} {
				i, err := s.AddInterface(capture.Interface{Name: name, Link: linktype.Ethernet})
				check(err)
				ifaces = append(ifaces, i)
			}
			check(s.WriteNames([]capture.Name{{Addr: "10.0.0.1", Name: "a"}}))
			check(s.WriteSecret(capture.Secret{Type: 5, Data: []byte("key")}))
			check(s.WritePacket(ifaces[0], 1000, 19, 1, []string{"hello"}, []byte("fourteen bytes"), []byte("body")))
			check(s.WritePacket(ifaces[1], 2000, 17, 0, nil, []byte("packet number two")))
			check(s.Flush())
			if d := cmp.Diff(contents(t, b.Bytes()), tt.want); d != "" {
				t.Errorf("written (-got +want):\n%s", d)
			}
		})
	}
}
