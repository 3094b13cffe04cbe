package graph

import "github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"

// An Outline is what is known of the lengths of an exchange that cannot be read.
type Outline struct {
	Req, Resp scan.Sizes
	// ReqAt and RespAt are when messages of each of these lengths began, in
	// nanoseconds; empty where there is no doubt.
	ReqAt, RespAt []int64
	Vague         [2]bool // what of the first bytes is handshake is not known, so neither is when data began
	First         int     // of a stream of HTTP/2: index of its first record
	Slot          int     // and which request of those in it
	Nth           int     // and how many requests were before it on the leg; fewHeads stands for more
}
