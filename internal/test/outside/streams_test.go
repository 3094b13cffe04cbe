package outside

import (
	"bytes"
	"io"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A counter hears what it does not leave to Discard.
type counter struct {
	reassembly.Discard
	gaps   map[string]int64
	closed map[string]int
}

func (c *counter) Bytes(reassembly.At, []byte) int64 { return 0 }

func (c *counter) Gap(at reassembly.At, n int64, why reassembly.GapKind, next capture.Ref) {
	c.gaps[why.String()] += n
	c.Discard.Gap(at, n, why, next)
}

func (c *counter) Close(h reassembly.HalfID, how reassembly.End, at reassembly.At) {
	if how == reassembly.EndRST || how == reassembly.EndReuse || how == reassembly.EndFIN || how == reassembly.EndOpen {
		c.closed[how.String()]++
	}
	c.Discard.Close(h, how, at)
}

// A stream with a hole, something sent twice, and an end.
func TestStreams(t *testing.T) {
	file := written(t, segment(1, tcpip.FlagACK, "hello"), segment(1, tcpip.FlagACK, "hello"), segment(10, tcpip.FlagACK, "world"), segment(15, tcpip.FlagRST|tcpip.FlagACK, ""))
	in := capture.NewInput("memory", func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(file)), nil }, nil)
	defer in.Close()
	var table reassembly.Table
	c := &counter{gaps: make(map[string]int64), closed: make(map[string]int)}
	o := &reassembly.Options{HoldPackets: 100, HoldBytes: 1 << 20, HoldTotal: 1 << 24}
	facts, err := reassembly.Index(t.Context(), []*capture.Input{in}, tcpip.NewPoints(), &table, c, o)
	must(t, err)
	if f := facts.Inputs[0]; f.Format != "pcapng" || f.Application != "outside" || facts.Decode.Packets != 4 || table.Packets(0) != 4 {
		t.Errorf("%+v, %d packets with an id", f, table.Packets(0))
	}
	h := table.Half(table.At(capture.Ref{Packet: 1}).ID())
	if h.Retrans != 1 || h.Dups != 0 || h.Conflict != 0 || h.Before != 0 || h.Window != 512 || h.TSEcr != 99 || h.Missing != 4 {
		t.Errorf("half %+v", h)
	}
	if c.gaps[reassembly.GapLost.String()] != 4 || c.gaps[reassembly.GapSnaplen.String()] != 0 || c.closed["rst"] != 1 {
		t.Errorf("gaps %v, closed %v", c.gaps, c.closed)
	}
}

// Segments of a program's own go into an Assembler, and nobody has to listen.
func TestOwnSegments(t *testing.T) {
	var table reassembly.Table
	var a *reassembly.Assembler = reassembly.NewAssembler(&table, reassembly.Discard{}, nil)
	d := tcpip.NewDecoder(tcpip.NewPoints(), func(uint32) []capture.Interface { return nil })
	var s tcpip.Segment
	p := capture.Packet{Ref: capture.Ref{Packet: 1}, Link: 1, Data: segment(1, tcpip.FlagACK, "hello")}
	if !d.Decode(&p, &s) || a.Add(&s) != 1 {
		t.Error("not the first half")
	}
	if a.Finish(); table.Half(1).Bytes != 5 || table.Half(1).End != reassembly.EndOpen {
		t.Errorf("%+v", table.Half(1))
	}
}
