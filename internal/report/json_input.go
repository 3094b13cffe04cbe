package report

import (
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
		First: stamp(int64(in.First)), Last: stamp(int64(in.Last)), Truncated: in.Truncated}
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
