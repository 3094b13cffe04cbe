package graph

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// Confidences. They are fractions of joins that are right, at the least, on
// captures whose truth is known.
const (
	SureProven     = 0.999 // an id or contents that no other candidate has
	SureByContents = 0.95  // nothing else fits, by contents
	SureByTime     = 0.9   // nothing else fits, by times alone
)

// A Link ties an exchange, or a whole leg, to its counterpart on the server
// side of one proxy.
type Link struct {
	From, To   *Leg
	Down, Up   *Exchange // nil for whole legs
	Stream     *Exchange // of the tunnel on one side; nil if it is none, or not known
	Attempt    int       // 1-based; the last one was the one that counted
	Uncounted  bool      // there may be attempts before it that are not tied
	Copy       bool      // it leads to a copy, whose answer nobody got
	Confidence float64
	Proven     bool
	Ambiguous  bool
	Legs       float64 // of one that is ambiguous: how sure it is that its legs belong together, whatever exchanges of them; 0 if not
	Caused     bool    // of one that is ambiguous: some exchange of From caused Up, whichever
	Evidence   []flow.Evidence
	Rivals     []Rival
}

// A Rival is what fits as well.
type Rival struct {
	Leg *Leg
	Ex  *Exchange // nil for a whole leg
}

// Elsewhere reports whether the link has rivals on other legs than its own, or none at
// all: else it is in doubt only which exchanges of its legs it is of.
func (l *Link) Elsewhere() bool {
	return len(l.Rivals) == 0 || slices.ContainsFunc(l.Rivals, func(r Rival) bool { return r.Leg != l.To && r.Leg != l.From })
}

// Order sorts links of one leg by its exchanges.
func (l *Link) Order() int {
	if l.Down == nil {
		return -1
	}
	return l.Down.No
}

// MayServe reports whether the ends allow that the proxy dialled u on behalf of d:
// where it keeps its client's address, only of legs from there, and where the port
// that was dialled is the application's, only at that port.
func MayServe(d, u *Leg) bool {
	return (!u.Kept || d.Orig.Src.Addr() == u.Orig.Src.Addr()) && (!d.Fixed || d.Orig.Dst.Port() == u.Orig.Dst.Port())
}

// Began returns when what the link leads to began. Of what is not found on a leg that
// carried something that is not known; it was over with its cause at the latest.
func (l *Link) Began() int64 {
	switch {
	case l.Up != nil:
		return l.Up.KnownBy()
	case l.Down != nil && !l.To.Empty():
		return max(l.Down.End(), int64(l.To.Start))
	}
	return int64(l.To.Start)
}
