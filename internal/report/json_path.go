package report

import "github.com/pcapmesh/pcapmesh/mesh/flow"

// A pathJSON is an element of the member "paths": a conversation from end to end.
type pathJSON struct {
	ID        int            `json:"id"`
	Direction string         `json:"direction"`
	Client    string         `json:"client"`
	Server    string         `json:"server"`
	Legs      []int          `json:"legs"`
	Complete  bool           `json:"complete"`
	Ambiguous bool           `json:"ambiguous"`
	Exchanges []exchangeJSON `json:"exchanges"`
	Mode      string         `json:"mode,omitempty"` // "h2→1.1": the stream has a client's HTTP/2 as HTTP/1.1
}

func newPath(p *flow.Path) pathJSON {
	j := pathJSON{ID: p.ID, Direction: p.Direction.String(), Client: p.Client.String(), Server: p.Server.String(),
		Legs: p.Legs, Complete: p.Complete, Ambiguous: p.Ambiguous, Exchanges: make([]exchangeJSON, 0, len(p.Exchanges)), Mode: string(p.Mode)}
	for i := range p.Exchanges {
		j.Exchanges = append(j.Exchanges, newExchange(&p.Exchanges[i]))
	}
	return j
}

// An exchangeJSON is a request of a path and its response.
type exchangeJSON struct {
	ID        int         `json:"id"`
	RequestID string      `json:"request_id,omitempty"`
	Method    string      `json:"method"`
	Target    string      `json:"target"`
	Status    int         `json:"status"`
	Proven    bool        `json:"proven"`
	Ambiguous bool        `json:"ambiguous"`
	Hops      []hopJSON   `json:"hops"`
	GRPC      *int        `json:"grpc_status,omitempty"`   // -1: not captured
	Messages  *[2]int     `json:"grpc_messages,omitempty"` // of the request, of the response
	Logged    *loggedJSON `json:"logged,omitempty"`        // the access log's line
}

func newExchange(x *flow.Exchange) exchangeJSON {
	j := exchangeJSON{ID: x.ID, RequestID: x.RequestID, Method: x.Method, Target: x.Target, Status: x.Status,
		Proven: x.Proven, Ambiguous: x.Ambiguous, Hops: make([]hopJSON, 0, len(x.Hops)), Logged: newLogged(x.Logged)}
	if g := x.GRPC; g != nil {
		j.GRPC, j.Messages = &g.Status, &[2]int{g.Sent, g.Received}
	}
	for i := range x.Hops {
		j.Hops = append(j.Hops, newHop(&x.Hops[i]))
	}
	return j
}

// A hopJSON is an exchange on one of its legs. What ties it to the hop before is
// absent in the first.
type hopJSON struct {
	Leg           int            `json:"leg"`
	FromLeg       *int           `json:"from_leg,omitempty"`
	Request       [2]int64       `json:"request"`
	Response      [2]int64       `json:"response"`
	PlainRequest  *[2]int64      `json:"plain_request,omitempty"` // of a decrypted leg: in its plaintext
	PlainResponse *[2]int64      `json:"plain_response,omitempty"`
	InRecord      int            `json:"in_record,omitempty"` // of a request of HTTP/2 that cannot be read: which of those in its record
	RequestStart  string         `json:"request_start,omitempty"`
	RequestEnd    string         `json:"request_end,omitempty"`
	ResponseStart string         `json:"response_start,omitempty"`
	ResponseEnd   string         `json:"response_end,omitempty"`
	Confidence    *confidence    `json:"confidence,omitempty"`
	Proven        *bool          `json:"proven,omitempty"`
	Ambiguous     *bool          `json:"ambiguous,omitempty"`
	Caused        bool           `json:"caused,omitempty"`
	Evidence      []evidenceJSON `json:"evidence,omitempty"`
	Rivals        *[]rivalJSON   `json:"rivals,omitempty"`
	Attempt       int            `json:"attempt,omitempty"`
	Copy          bool           `json:"copy,omitempty"`
}

func newHop(h *flow.Hop) hopJSON {
	j := hopJSON{Leg: h.Leg, Request: h.Request, Response: h.Response,
		RequestStart: stamp(int64(h.RequestStart)), RequestEnd: stamp(int64(h.RequestEnd)),
		ResponseStart: stamp(int64(h.ResponseStart)), ResponseEnd: stamp(int64(h.ResponseEnd))}
	if h.Decrypted {
		j.PlainRequest, j.PlainResponse = &h.PlainRequest, &h.PlainResponse
	}
	j.InRecord = h.InRecord
	if h.FromLeg < 0 {
		return j
	}
	sure := confidence(h.Confidence)
	j.FromLeg, j.Confidence, j.Proven, j.Ambiguous = &h.FromLeg, &sure, &h.Proven, &h.Ambiguous
	j.Caused, j.Evidence, j.Attempt = h.Caused, newEvidence(h.Evidence), h.Attempt
	j.Copy = h.Copy
	rivals := make([]rivalJSON, 0, len(h.Rivals))
	for _, r := range h.Rivals {
		rivals = append(rivals, rivalJSON{r.Leg, r.Request})
	}
	j.Rivals = &rivals
	return j
}

// A rivalJSON is an exchange that fits the place of a hop as well.
type rivalJSON struct {
	Leg     int      `json:"leg"`
	Request [2]int64 `json:"request"`
}
