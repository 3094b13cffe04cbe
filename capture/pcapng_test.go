package capture_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture"
)

func TestPcapngBlocks(t *testing.T) {
	for _, o := range fileOrders {
		t.Run(fmt.Sprint(o), func(t *testing.T) {
			file := samplePcapng(o)
			got, r := mustRead(t, file)
			for i := range got {
				got[i].Offset = 0
			}
			samePackets(t, got, []capture.Packet{
				{Ref: capture.Ref{Packet: 1}, Time: 1e9, Interface: 1, Link: 276, WireLen: 100, Data: []byte("first"), Flags: 2, Comments: []string{"note"}},
				{Ref: capture.Ref{Packet: 2}, Time: 2e9, Link: 1, WireLen: 6, Data: []byte("second")},
				{Ref: capture.Ref{Packet: 3}, Time: 2e9, Link: 1, WireLen: 5, Data: []byte("third")},
				{Ref: capture.Ref{Packet: 4}, Time: 2_000_000_001, Interface: 1, Link: 276, WireLen: 6, Data: []byte("fourth")},
			})
			want := []capture.Interface{{Name: "eth0", Link: 1}, {Name: "any", Link: 276, SnapLen: 96}}
			if d := cmp.Diff(want, r.Interfaces()); d != "" {
				t.Errorf("interfaces: %s", d)
			}
			if d := cmp.Diff([]capture.Secret{{Type: 0x544c534b, Data: []byte("CLIEN")}}, r.Secrets()); d != "" {
				t.Errorf("secrets: %s", d)
			}
			if d := cmp.Diff([]capture.Name{{Addr: "10.0.0.1", Name: "host"}}, r.Names()); d != "" {
				t.Errorf("names: %s", d)
			}
			if d := cmp.Diff([]string{"section"}, r.Comments()); d != "" {
				t.Errorf("comments: %s", d)
			}
			if r.Application() != "writer" || r.Format() != "pcapng" {
				t.Errorf("application = %q, format = %q", r.Application(), r.Format())
			}
		})
	}
}

func TestPcapngOffsets(t *testing.T) {
	for _, o := range fileOrders {
		file := samplePcapng(o)
		got, _ := mustRead(t, file)
		for _, p := range got {
			i := bytes.Index(file, p.Data)
			if at := int64(i) - p.Offset; at != 12 && at != 28 { // simple and other packet blocks
				t.Errorf("packet %d: data %d bytes after offset %d", p.Ref.Packet, at, p.Offset)
			}
		}
	}
}

// TestPcapngSections mixes byte orders; interface numbers restart, our indices
// go on.
func TestPcapngSections(t *testing.T) {
	be, le := binary.BigEndian, binary.LittleEndian
	file := bytes.Join([][]byte{
		ngSection(be, ngOption(be, 4, "one"), ngOption(be, 1, "c1")),
		ngInterface(be, 1, 0, ngOption(be, 2, "a")),
		ngPacket(be, 0, 1, 1, "1"),
		ngSection(le, ngOption(le, 4, "two"), ngOption(le, 1, "c2")),
		ngInterface(le, 101, 0, ngOption(le, 2, "b"), ngOption(le, 9, uint8(3))),
		ngInterface(le, 113, 0, ngOption(le, 2, "c")),
		ngPacket(le, 1, 2, 1, "2"),
		ngPacket(le, 0, 3, 1, "3"),
		ngSection(be),
		ngInterface(be, 276, 0),
		ngPacket(be, 0, 4, 1, "4"),
	}, nil)
	got, r := mustRead(t, file)
	var text []string
	for _, p := range got {
		text = append(text, fmt.Sprintf("%s if %d link %d at %d", p.Data, p.Interface, p.Link, p.Time))
	}
	want := []string{"1 if 0 link 1 at 1000", "2 if 2 link 113 at 2000", "3 if 1 link 101 at 3000000", "4 if 3 link 276 at 4000"}
	if d := cmp.Diff(want, text); d != "" {
		t.Errorf("packets: %s", d)
	}
	if len(r.Interfaces()) != 4 || r.Application() != "one" {
		t.Errorf("interfaces = %v, application = %q", r.Interfaces(), r.Application())
	}
	if d := cmp.Diff([]string{"c1", "c2"}, r.Comments()); d != "" {
		t.Errorf("comments: %s", d)
	}
}

// TestPcapngResolutions compares every resolution with arithmetic that cannot
// overflow.
func TestPcapngResolutions(t *testing.T) {
	ticks := []uint64{0, 1, 2, 999, 1_700_000_000, 1_700_000_000_123_456_789, math.MaxInt64, math.MaxUint64 - 1, math.MaxUint64}
	offsets := []int64{0, 1, -1, 1_700_000_000, -9_223_372_037, math.MaxInt64, math.MinInt64}
	for resolution := range 256 {
		o := fileOrders[resolution%2]
		file := ngSection(o)
		var want []int64
		for i, seconds := range offsets {
			file = append(file, ngInterface(o, 1, 0, ngOption(o, 9, uint8(resolution)), ngOption(o, 14, uint64(seconds)))...)
			for _, n := range ticks {
				file = append(file, ngPacket(o, uint32(i), n, 1, "x")...)
				want = append(want, exactNanos(byte(resolution), n, seconds))
			}
		}
		got, _, err := readBytes(t, file, &capture.Options{Buffer: 1 << 14})
		if err != nil || len(got) != len(want) {
			t.Fatal(len(got), err)
		}
		for i, p := range got {
			if int64(p.Time) != want[i] {
				t.Errorf("resolution %#x, offset %d, ticks %d: %d ns, want %d", resolution,
					offsets[i/len(ticks)], ticks[i%len(ticks)], p.Time, want[i])
			}
		}
	}
}

// exactNanos is the definition of if_tsresol and if_tsoffset.
func exactNanos(resolution byte, ticks uint64, seconds int64) int64 {
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(resolution&0x7f)), nil)
	if resolution&0x80 != 0 {
		unit = new(big.Int).Lsh(big.NewInt(1), uint(resolution&0x7f))
	}
	v := new(big.Int).Mul(new(big.Int).SetUint64(ticks), big.NewInt(1e9))
	v.Div(v, unit).Add(v, new(big.Int).Mul(big.NewInt(seconds), big.NewInt(1e9)))
	switch {
	case v.IsInt64():
		return v.Int64()
	case v.Sign() < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}

func TestPcapngInterfaceOptions(t *testing.T) {
	for _, o := range fileOrders {
		file := append(ngSection(o), ngInterface(o, 1, 96,
			ngOption(o, 2, "eth0\x00"), ngOption(o, 3, "description"), ngOption(o, 1, "one"), ngOption(o, 1, ""),
			ngOption(o, 11, uint8(0), "tcp port 80"), ngOption(o, 12, "linux"), ngOption(o, 15, "virtio"),
			ngOption(o, 6, "\x02\x42\x0a\x00\x00\x01"), ngOption(o, 2988, uint32(32473), "custom"), ngOption(o, 0),
			ngOption(o, 1, "after the end"))...)
		file = append(file, ngInterface(o, 1, 0, ngOption(o, 11, uint8(1), "bpf code"))...)
		_, r := mustRead(t, file)
		want := []capture.Interface{{Name: "eth0", Description: "description", Filter: "tcp port 80", OS: "linux",
			Hardware: "virtio", Comments: []string{"one", ""}, Link: 1, SnapLen: 96}, {Link: 1}}
		if d := cmp.Diff(want, r.Interfaces()); d != "" {
			t.Errorf("interfaces: %s", d)
		}
	}
}

func TestInterfaceNameOption(t *testing.T) {
	o := binary.LittleEndian
	options := &capture.Options{InterfaceName: "mine", Input: 7}
	for _, file := range [][]byte{samplePcapng(o), sampleCaptures()["pcap big"]} {
		got, r, err := readBytes(t, file, options)
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range r.Interfaces() {
			if in.Name != "mine" {
				t.Errorf("name = %q", in.Name)
			}
		}
		if want := (capture.Ref{Input: 7, Packet: 2}); got[1].Ref != want {
			t.Errorf("ref = %v, want %v", got[1].Ref, want)
		}
	}
}

func TestPcapngNames(t *testing.T) {
	o := binary.BigEndian
	v6 := "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x01"
	record := func(kind uint16, value string) []byte {
		return padTo4(fields(o, kind, uint16(len(value)), value))
	}
	file := append(ngSection(o), ngBlock(o, 4,
		record(1, "\x0a\x00\x00\x01one\x00two\x00"), record(3, "\x02\x42\x0a\x00\x00\x01mac\x00"),
		record(2, v6+"six"), uint32(0), ngOption(o, 2, "server"))...)
	_, r := mustRead(t, file)
	want := []capture.Name{{Addr: "10.0.0.1", Name: "one"}, {Addr: "10.0.0.1", Name: "two"}, {Addr: "2001:db8::1", Name: "six"}}
	if d := cmp.Diff(want, r.Names()); d != "" {
		t.Errorf("names: %s", d)
	}
}

// TestPcapngExactFit has blocks that hold just what they need.
func TestPcapngExactFit(t *testing.T) {
	for _, o := range fileOrders {
		file := bytes.Join([][]byte{
			ngSection(o), ngInterface(o, 1, 0),
			ngBlock(o, 3, uint32(4), "1234"), ngPacket(o, 0, 1, 8, "12345678"), ngBlock(o, 3, uint32(0)), ngPacket(o, 0, 1, 0, ""),
			ngBlock(o, 10, uint32(7), uint32(0)), ngBlock(o, 10, uint32(7), uint32(4), "1234"),
			ngBlock(o, 4, uint16(1), uint16(4), "\x0a\x00\x00\x01"), ngBlock(o, 4), ngBlock(o, 99),
			ngInterface(o, 1, 0, uint16(2), uint16(0)),
		}, nil)
		got, r := mustRead(t, file)
		var data []string
		for _, p := range got {
			data = append(data, string(p.Data))
		}
		if d := cmp.Diff([]string{"1234", "12345678", "", ""}, data); d != "" {
			t.Errorf("data: %s", d)
		}
		if len(r.Secrets()) != 2 || len(r.Secrets()[0].Data) != 0 || string(r.Secrets()[1].Data) != "1234" || len(r.Names()) != 0 || len(r.Interfaces()) != 2 {
			t.Errorf("secrets = %v, names = %v, interfaces = %v", r.Secrets(), r.Names(), r.Interfaces())
		}
	}
}

// TestPcapngSimplePacketSnapLen checks what a simple packet block leaves out.
func TestPcapngSimplePacketSnapLen(t *testing.T) {
	o := binary.LittleEndian
	file := bytes.Join([][]byte{ngSection(o), ngInterface(o, 1, 5), ngBlock(o, 3, uint32(1000), "abcde")}, nil)
	got, _ := mustRead(t, file)
	if string(got[0].Data) != "abcde" || got[0].WireLen != 1000 || got[0].Time != 0 {
		t.Errorf("packet = %+v", got[0])
	}
}

func TestPcapngFaults(t *testing.T) {
	o := binary.LittleEndian
	begin := append(ngSection(o), ngInterface(o, 1, 0)...)
	one := ngPacket(o, 0, 1, 1, "x")
	packet := func(iface, captured uint32, data string, rest ...any) []byte {
		return ngBlock(o, 6, append([]any{iface, uint64(0), captured, captured, padTo4([]byte(data))}, rest...)...)
	}
	otherEnd := func(b []byte) []byte {
		b = bytes.Clone(b)
		b[len(b)-4] ^= 4
		return b
	}
	otherLength := func(b []byte, n uint32) []byte {
		b = bytes.Clone(b)
		o.PutUint32(b[4:], n)
		return b
	}
	for _, c := range []struct {
		name  string
		block []byte
		kind  error
		isOne bool // a packet, and so numbered
		text  string
	}{
		{"unknown interface", packet(1, 1, "x"), capture.ErrCorrupt, true, "interface 1 where the section has described 1"},
		{"captured more than there", packet(0, 5, "abcd"), capture.ErrCorrupt, true, "captured length 5 in a block with 4 bytes"},
		{"captured overflows", packet(0, math.MaxUint32, "abcd"), capture.ErrCorrupt, true, "captured length 4294967295"},
		{"packet ends differently", otherEnd(one), capture.ErrCorrupt, true, "block length 36 at its end is 32"},
		{"packet length odd", otherLength(one, 37), capture.ErrCorrupt, true, "block length 37"},
		{"packet length tiny", otherLength(one, 8), capture.ErrCorrupt, true, "block length 8"},
		{"packet length huge", otherLength(one, 0xfffffffc), capture.ErrTooLarge, true, "4294967292 is too large (limit 16842752)"},
		{"packet huge", packet(0, 16<<20+1, strings.Repeat("x", 16<<20+1)), capture.ErrTooLarge, true, "captured length 16777217 is too large (limit 16777216)"},
		{"packet too short", ngBlock(o, 6, uint32(0)), capture.ErrCorrupt, true, "4 bytes in a block that needs 20"},
		{"old packet too short", ngBlock(o, 2, uint32(0)), capture.ErrCorrupt, true, "needs 20"},
		{"simple packet empty", ngBlock(o, 3), capture.ErrCorrupt, true, "needs 4"},
		{"simple packet cut", ngBlock(o, 3, uint32(9), "abcd"), capture.ErrCorrupt, true, "captured length 9 in a block with 4"},
		{"packet option too long", packet(0, 0, "", uint16(1), uint16(9), "abcd"), capture.ErrCorrupt, true, "option 1 has 9 bytes where 4 are left"},
		{"flags of three bytes", packet(0, 0, "", ngOption(o, 2, "abc")), capture.ErrCorrupt, true, "option 2 has 3 bytes"},
		{"option too long", ngInterface(o, 1, 0, uint16(2), uint16(99), "ab"), capture.ErrCorrupt, false, "option 2 has 99"},
		{"resolution empty", ngInterface(o, 1, 0, ngOption(o, 9)), capture.ErrCorrupt, false, "interface description block: corrupt: option 9 has 0 bytes"},
		{"offset short", ngInterface(o, 1, 0, ngOption(o, 14, "1234")), capture.ErrCorrupt, false, "option 14 has 4"},
		{"interface empty", ngBlock(o, 1), capture.ErrCorrupt, false, "needs 8"},
		{"names cut", ngBlock(o, 4, uint16(1), uint16(90), "abcd"), capture.ErrCorrupt, false, "name resolution block: corrupt: name record has 90"},
		{"name without address", ngBlock(o, 4, uint16(1), uint16(2), "ab"), capture.ErrCorrupt, false, "has 2 bytes"},
		{"secrets cut", ngBlock(o, 10, uint32(1), uint32(99), "abcd"), capture.ErrCorrupt, false, "secrets of 99 bytes in a block with 4"},
		{"secrets empty", ngBlock(o, 10, uint32(1)), capture.ErrCorrupt, false, "needs 8"},
		{"secrets huge", otherLength(ngBlock(o, 10), 0x7ffffffc), capture.ErrTooLarge, false, "decryption secrets block: corrupt: block length"},
		{"unknown block cut", otherLength(ngBlock(o, 0x77, "abcd"), 0xfffffffc), capture.ErrTruncated, false, "type 0x77: truncated: have 52 of 4294967292"},
		{"unknown block odd", otherLength(ngBlock(o, 0x77, "abcd"), 15), capture.ErrCorrupt, false, "type 0x77: corrupt: block length 15"},
		{"unknown block ends differently", otherEnd(ngBlock(o, 0x77, "abcd")), capture.ErrCorrupt, false, "at its end is 20"},
		{"zeros", make([]byte, 64), capture.ErrCorrupt, false, "block length 0"},
		{"section order", fields(o, uint32(0x0a0d0d0a), uint32(28), "abcdefghabcdefgh"), capture.ErrCorrupt, false, "byte-order magic is 61 62 63 64"},
		{"section version", ngBlock(o, 0x0a0d0d0a, uint32(0x1a2b3c4d), uint16(2), uint16(1), ^uint64(0)), capture.ErrUnsupported, false, "pcapng version 2.1: unsupported"},
		{"section short", ngBlock(o, 0x0a0d0d0a, uint32(0x1a2b3c4d), uint32(1)), capture.ErrCorrupt, false, "block length 20"},
		{"packet of the section before", append(ngSection(o), one...), capture.ErrCorrupt, true, "described 0"},
		{"simple packet without interface", append(ngSection(o), ngBlock(o, 3, uint32(1), "x")...), capture.ErrCorrupt, true, "described 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := bytes.Join([][]byte{begin, one, c.block, one}, nil)
			got, _, err := readBytes(t, file, nil)
			if len(got) != 1 {
				t.Fatalf("%d packets before the fault, want 1", len(got))
			}
			number, offset := 0, int64(len(begin)+len(one))
			if c.isOne {
				number = 2
			}
			if section := ngSection(o); bytes.HasPrefix(c.block, section) {
				offset += int64(len(section))
			}
			faultAt(t, err, c.kind, number, offset)
			if !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error = %q, want %q in it", err, c.text)
			}
		})
	}
}

// TestPcapngSkipsLongBlocks passes over blocks that are larger than the buffer
// and than any limit.
func TestPcapngSkipsLongBlocks(t *testing.T) {
	o := binary.BigEndian
	file := bytes.Join([][]byte{
		ngSection(o), ngInterface(o, 1, 0),
		ngBlock(o, 0x40000bad, uint32(32473), make([]byte, 20<<20)),
		ngPacket(o, 0, 1, 1, "x"),
	}, nil)
	got, _, err := readBytes(t, file, &capture.Options{Buffer: 1000})
	if err != nil || len(got) != 1 {
		t.Fatalf("%d packets, %v", len(got), err)
	}
}

// TestPcapngMetadataLimit has sections that describe themselves at length.
func TestPcapngMetadataLimit(t *testing.T) {
	o := binary.LittleEndian
	long := make([]any, 250)
	for i := range long {
		long[i] = ngOption(o, 2988, uint32(32473), make([]byte, 65000))
	}
	section := ngSection(o, long...)
	parts := make([]io.Reader, 20)
	for i := range parts {
		parts[i] = bytes.NewReader(section)
	}
	r, err := capture.NewReader(io.MultiReader(parts...), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = drain(t, r)
	faultAt(t, err, capture.ErrTooLarge, 0, int64(256<<20/len(section)*len(section)))
}
