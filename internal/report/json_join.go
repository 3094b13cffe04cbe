package report

import "github.com/pcapmesh/pcapmesh/mesh/flow"

// A joinJSON is an element of the member "joins": two legs that one proxy ties.
type joinJSON struct {
	From       int            `json:"from"`
	To         int            `json:"to"`
	Confidence confidence     `json:"confidence"`
	Proven     bool           `json:"proven"`
	Ambiguous  bool           `json:"ambiguous"`
	Evidence   []evidenceJSON `json:"evidence"`
	Rivals     []int          `json:"rivals"`
}

func newJoin(j *flow.Join) joinJSON {
	rivals := j.Rivals
	if rivals == nil {
		rivals = []int{}
	}
	return joinJSON{j.From, j.To, confidence(j.Confidence), j.Proven, j.Ambiguous, newEvidence(j.Evidence), rivals}
}

// An evidenceJSON is one reason for a join, and what shows it.
type evidenceJSON struct {
	Kind    string       `json:"kind"`
	Detail  string       `json:"detail"`
	Packets []packetJSON `json:"packets"`
	Record  *sourceJSON  `json:"record,omitempty"` // what says so, beside packets
}

func newEvidence(es []flow.Evidence) []evidenceJSON {
	js := []evidenceJSON{}
	for _, e := range es {
		js = append(js, evidenceJSON{e.Kind.String(), e.Detail, newPackets(e.Packets), sourceOrNil(e.Source)})
	}
	return js
}
