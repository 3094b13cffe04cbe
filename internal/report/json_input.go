package report

import (
	"math"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// An inputJSON is an element of the member "inputs": a capture, and how far it
// could be read.
type inputJSON struct {
	File       string          `json:"file"`
	Pod        string          `json:"pod"`
	Packets    int             `json:"packets"`
	Interfaces []interfaceJSON `json:"interfaces"`
	First      string          `json:"first,omitempty"`
	Last       string          `json:"last,omitempty"`
	Truncated  bool            `json:"truncated"`
	QUIC       int             `json:"quic,omitempty"`
	Clock      *clockJSON      `json:"clock,omitempty"`
	OwnClock   *clockJSON      `json:"own_clock,omitempty"`
	Error      string          `json:"error,omitempty"`
}

// An interfaceJSON is an interface that an input has packets of.
type interfaceJSON struct {
	Name     string `json:"name"`
	LinkType string `json:"link_type"`
	Inferred bool   `json:"inferred,omitempty"` // the name is not in the file
}

func newInput(in *mesh.InputInfo) inputJSON {
	j := inputJSON{File: in.Name, Pod: in.Pod, Packets: in.Packets, Interfaces: []interfaceJSON{},
		First: stamp(int64(in.First)), Last: stamp(int64(in.Last)), Truncated: in.Truncated, QUIC: in.QUIC, Clock: newClock(in.Clock), OwnClock: newClock(in.OwnClock)}
	if in.Err != nil {
		j.Error = in.Err.Error()
	}
	for _, p := range in.Points {
		j.Interfaces = append(j.Interfaces, interfaceJSON{p.Name, p.Link.String(), p.Inferred})
	}
	return j
}

// A tupleJSON is a directed pair of endpoints.
type tupleJSON struct {
	Src string `json:"src"`
	Dst string `json:"dst"`
}

func newTuple(t tcpip.Tuple) tupleJSON { return tupleJSON{t.Src.String(), t.Dst.String()} }

// A packetJSON names a packet: the input, counted from 0, and the number in it,
// counted from 1.
type packetJSON struct {
	Input  uint32 `json:"input"`
	Number uint32 `json:"number"`
}

func newPackets(refs []capture.Ref) []packetJSON {
	js := []packetJSON{}
	for _, p := range refs {
		js = append(js, packetJSON{p.Input, p.Packet})
	}
	return js
}

// A clockJSON is how the clock of a pod, or of one of its files, was held against
// another's.
type clockJSON struct {
	Against     string   `json:"against"`
	Known       bool     `json:"known"`
	OffsetMS    float64  `json:"offset_ms"`
	ErrorMS     float64  `json:"error_ms"`
	DriftPPM    float64  `json:"drift_ppm"`
	Connections int      `json:"connections"`
	Steps       []string `json:"steps,omitempty"`
	Contradicts []string `json:"contradicts,omitempty"`
}

func newClock(c *mesh.Clock) *clockJSON {
	if c == nil {
		return nil
	}
	j := &clockJSON{Against: c.Against, Known: c.Known, OffsetMS: millis(c.Offset), ErrorMS: millis(c.Error),
		DriftPPM: math.Round(c.Drift*1e8) / 100, Connections: c.Connections, Contradicts: c.Contradicts}
	for _, at := range c.Steps {
		j.Steps = append(j.Steps, stamp(int64(at)))
	}
	return j
}
