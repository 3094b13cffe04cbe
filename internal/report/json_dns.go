package report

import "github.com/pcapmesh/pcapmesh/mesh/names"

// A lookupJSON is an element of the member "dns", which is absent when nothing was
// looked up over UDP.
type lookupJSON struct {
	ID         int          `json:"id"`
	Role       string       `json:"role"` // app, upstream or direct
	Pod        string       `json:"pod"`
	Interface  string       `json:"interface"`
	Client     string       `json:"client"`
	Server     string       `json:"server,omitempty"`      // as the client asked it; absent when a redirect hides it
	AnsweredBy string       `json:"answered_by,omitempty"` // who really answered, or was to; absent when not captured
	Redirected bool         `json:"redirected"`
	Record     *sourceJSON  `json:"record,omitempty"` // what tells server or answered_by, if packets do not
	Captured   []tupleJSON  `json:"captured"`
	MessageID  int          `json:"message_id"`     // of the DNS header
	Name       string       `json:"name,omitempty"` // absent, as type is, when it was cut off
	Type       string       `json:"type,omitempty"`
	Queries    int          `json:"queries"` // packets, retransmissions included
	Answers    int          `json:"answers"`
	Asked      string       `json:"asked,omitempty"`    // absent when no query was captured
	Answered   string       `json:"answered,omitempty"` // absent when no answer was captured
	RCode      string       `json:"rcode,omitempty"`
	Truncated  bool         `json:"truncated,omitempty"`
	Records    []answerJSON `json:"records"`
	More       int          `json:"more_records,omitempty"` // in the answer beside records
	Packets    []packetJSON `json:"packets"`                // the first few
	UpstreamOf *int         `json:"upstream_of,omitempty"`  // the application's lookup that the agent passed on
}

func newLookup(l *names.Lookup) lookupJSON {
	j := lookupJSON{ID: l.ID, Role: l.Role.String(), Pod: l.Pod, Interface: l.Interface, Client: l.Client.String(),
		Server: endText(l.Server, ""), AnsweredBy: endText(l.AnsweredBy, ""), Redirected: l.Redirected,
		MessageID: int(l.MessageID), Name: l.Name, Type: l.Type, Queries: l.Queries, Answers: l.Answers,
		Asked: stamp(int64(l.Asked)), Answered: stamp(int64(l.Answered)), RCode: l.RCode, Truncated: l.Truncated,
		Records: []answerJSON{}, More: l.MoreRecords, Packets: newPackets(l.Packets), Record: sourceOrNil(l.Record)}
	for _, t := range l.Captured {
		j.Captured = append(j.Captured, newTuple(t))
	}
	for _, r := range l.Records {
		rec := answerJSON{Name: r.Name, Type: r.Type, TTL: r.TTL, Target: r.Target}
		if r.Addr.IsValid() {
			rec.Address = r.Addr.String()
		}
		j.Records = append(j.Records, rec)
	}
	if l.UpstreamOf >= 0 {
		j.UpstreamOf = &l.UpstreamOf
	}
	return j
}

// An answerJSON is a record of the answer to a lookup.
type answerJSON struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	TTL     uint32 `json:"ttl"`
	Address string `json:"address,omitempty"` // of A and AAAA
	Target  string `json:"target,omitempty"`  // of CNAME and PTR
}
