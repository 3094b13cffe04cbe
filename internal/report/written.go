package report

import (
	"fmt"

	"github.com/pcapmesh/pcapmesh/mesh"
)

// A Written is a capture that was written, and what is in it.
type Written struct {
	mesh.Summary
	Name      string // of the file, or what to call it
	Inputs    int    // captures that it was made of
	EmbedKeys bool   // secrets were asked for; Summary.Secrets counts them
	Next      string // the command that prints a stream of it; "" = none
}

// String says in one line what was written and what to do with it.
func (x *Written) String() string {
	s := fmt.Sprintf("wrote %s: %s (%d joined, %d as captured), %s of %s.", x.Name,
		counted(x.Streams, "stream"), x.Joined, x.Streams-x.Joined, counted(x.Packets+x.DNS+x.Other, "packet"), counted(x.Inputs, "input"))
	if x.EmbedKeys {
		s += fmt.Sprintf(" Secrets of %s are in it.", counted(x.Secrets, "connection"))
	}
	if x.Next != "" {
		s += " Open it in Wireshark, or: " + x.Next
	}
	return s
}
