package flow

import "github.com/pcapmesh/pcapmesh/capture"

// A Hop is an exchange on one leg. Ranges are stream offsets [from, end) of
// the leg's wire stream; empty where nothing flowed or nothing can be read. In
// those of HTTP/2 frames of other exchanges may stand too. Times are 0 where they
// are not known; a connection that carried nothing has those of its own beginning and
// end.
type Hop struct {
	Leg, FromLeg               int // leg IDs; FromLeg is -1 in the first hop
	Request, Response          [2]int64
	PlainRequest               [2]int64 // the same of plaintext, on a decrypted leg; else empty
	PlainResponse              [2]int64
	InRecord                   int // of a request that cannot be read, and may share its record of TLS: which of those in it, 1-based; else 0
	RequestStart, RequestEnd   capture.Time
	ResponseStart, ResponseEnd capture.Time
	Confidence                 float64
	Proven, Ambiguous          bool
	Caused                     bool // of one that is ambiguous: some exchange of FromLeg caused it for sure, whichever; it is written in the client's stream
	Evidence                   []Evidence
	Rivals                     []Rival
	Attempt                    int  // 1-based; 0: attempts before it may not be among the hops
	Copy                       bool // it carries a copy, which the proxy mirrored to another service: nobody got the answer; so of hops that lead on from there
	Decrypted                  bool // the exchange was read from a decrypted leg, so that the plaintext ranges are valid
}

// A Rival is another exchange that fits as well.
type Rival struct {
	Leg     int
	Request [2]int64
}
