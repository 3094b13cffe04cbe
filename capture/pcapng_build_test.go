package capture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pcapmesh/pcapmesh/capture"
)

// fileOrder is a byte order that a capture file may have.
type fileOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

var fileOrders = []fileOrder{binary.LittleEndian, binary.BigEndian}

// fields puts numbers together in the given byte order, and strings as they
// are.
func fields(o fileOrder, values ...any) []byte {
	var b []byte
	for _, v := range values {
		switch v := v.(type) {
		case uint8:
			b = append(b, v)
		case uint16:
			b = o.AppendUint16(b, v)
		case uint32:
			b = o.AppendUint32(b, v)
		case uint64:
			b = o.AppendUint64(b, v)
		case string:
			b = append(b, v...)
		case []byte:
			b = append(b, v...)
		default:
			panic("fields: unknown type")
		}
	}
	return b
}

// padTo4 fills b up to a multiple of four.
func padTo4(b []byte) []byte { return append(b, make([]byte, -len(b)&3)...) }

// ngBlock frames a body.
func ngBlock(o fileOrder, kind uint32, body ...any) []byte {
	b := padTo4(fields(o, body...))
	n := uint32(len(b) + 12)
	return fields(o, kind, n, b, n)
}

// ngOption is one option with its padding.
func ngOption(o fileOrder, code uint16, value ...any) []byte {
	v := fields(o, value...)
	return padTo4(fields(o, code, uint16(len(v)), v))
}

func ngSection(o fileOrder, options ...any) []byte {
	return ngBlock(o, 0x0a0d0d0a, append([]any{uint32(0x1a2b3c4d), uint16(1), uint16(0), ^uint64(0)}, options...)...)
}

func ngInterface(o fileOrder, link uint16, snapLen uint32, options ...any) []byte {
	return ngBlock(o, 1, append([]any{link, uint16(0), snapLen}, options...)...)
}

func ngPacket(o fileOrder, iface uint32, ticks uint64, wire uint32, data string, options ...any) []byte {
	body := []any{iface, uint32(ticks >> 32), uint32(ticks), uint32(len(data)), wire, padTo4([]byte(data))}
	return ngBlock(o, 6, append(body, options...)...)
}

// pcapFile is a classic file header.
func pcapFile(o fileOrder, magic, link uint32) []byte {
	return fields(o, magic, uint16(2), uint16(4), uint32(0), uint32(0), uint32(262144), link)
}

// pcapRecord is one packet of a classic file.
func pcapRecord(o fileOrder, seconds, fraction, wire uint32, data string) []byte {
	return fields(o, seconds, fraction, uint32(len(data)), wire, data)
}

// keepPacket copies what Next hands out only until the next call.
func keepPacket(p *capture.Packet) capture.Packet {
	c := *p
	c.Data = append([]byte{}, p.Data...)
	c.Comments = slices.Clone(p.Comments)
	return c
}

// drain returns all packets of r and the error that ended them, nil for io.EOF.
func drain(tb testing.TB, r *capture.Reader) ([]capture.Packet, error) {
	tb.Helper()
	var packets []capture.Packet
	for {
		p, err := r.Next()
		if (p == nil) == (err == nil) {
			tb.Fatalf("Next() = %v, %v: want a packet or an error", p, err)
		}
		if err == nil {
			if cap(p.Data) != len(p.Data) {
				tb.Fatalf("packet %d: appending to its data would change the buffer", p.Ref.Packet)
			}
			packets = append(packets, keepPacket(p))
			continue
		}
		if _, again := r.Next(); again != err {
			tb.Fatalf("error is not sticky: %v, then %v", err, again)
		}
		if err == io.EOF {
			err = nil
		} else if e := (*capture.Error)(nil); !errors.As(err, &e) {
			tb.Fatalf("error %v is a %T", err, err)
		}
		return packets, err
	}
}

// readBytes reads a whole capture.
func readBytes(tb testing.TB, file []byte, o *capture.Options) ([]capture.Packet, *capture.Reader, error) {
	tb.Helper()
	r, err := capture.NewReader(bytes.NewReader(file), o)
	if err != nil {
		return nil, nil, err
	}
	tb.Cleanup(func() { r.Close() })
	packets, err := drain(tb, r)
	return packets, r, err
}

// mustRead reads a capture that has no fault.
func mustRead(tb testing.TB, file []byte) ([]capture.Packet, *capture.Reader) {
	tb.Helper()
	packets, r, err := readBytes(tb, file, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return packets, r
}

// samePackets compares got with want.
func samePackets(tb testing.TB, got, want []capture.Packet) {
	tb.Helper()
	if slices.EqualFunc(got, want, equalPackets) {
		return // cmp takes seconds for what is equal
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		tb.Fatalf("packets differ (-want +got):\n%s", d)
	}
	tb.Fatal("packets differ")
}

func equalPackets(a, b capture.Packet) bool {
	return a.Ref == b.Ref && a.Time == b.Time && a.Offset == b.Offset && a.Interface == b.Interface &&
		a.Link == b.Link && a.WireLen == b.WireLen && a.Flags == b.Flags &&
		bytes.Equal(a.Data, b.Data) && slices.Equal(a.Comments, b.Comments)
}

// faultAt checks that err is of the given kind and place.
func faultAt(tb testing.TB, err, kind error, packet int, offset int64) {
	tb.Helper()
	var e *capture.Error
	if !errors.As(err, &e) {
		tb.Fatalf("error = %v (%T), want a *capture.Error", err, err)
	}
	if !errors.Is(err, kind) || e.Packet != packet || e.Offset != offset {
		tb.Fatalf("error = %v, want %v of packet %d at offset %d", err, kind, packet, offset)
	}
}
