package report

import "github.com/pcapmesh/pcapmesh/mesh/record"

// A recordJSON is an element of the member "records": a file of records, and what
// became of it.
type recordJSON struct {
	File      string   `json:"file"`
	Kind      string   `json:"kind"` // conntrack, access-log, rules or sockets
	Pod       string   `json:"pod"`
	Lines     int      `json:"lines"`
	Entries   int      `json:"entries"`
	Matched   int      `json:"matched"` // entries of connections or endpoints in the captures
	Malformed int      `json:"malformed"`
	Faults    []string `json:"faults,omitempty"` // the first three lines that could not be read
	Mesh      string   `json:"mesh,omitempty"`   // of rules
}

func newRecord(in *record.Info) recordJSON {
	return recordJSON{in.Name, in.Kind.String(), in.Pod, in.Lines, in.Entries, in.Matched, in.Malformed, in.Faults, in.Mesh}
}

// A conflictJSON is an element of the member "conflicts": a record that contradicts
// the packets.
type conflictJSON struct {
	Record  sourceJSON   `json:"record"`
	Leg     *int         `json:"leg,omitempty"`
	Says    string       `json:"says"`
	Packets string       `json:"packets_say"`
	Shown   []packetJSON `json:"packets"`
}

func newConflict(c *record.Conflict) conflictJSON {
	j := conflictJSON{Record: newSource(c.Source), Says: c.Says, Packets: c.Packets, Shown: newPackets(c.Shown)}
	if c.Leg >= 0 {
		j.Leg = &c.Leg
	}
	return j
}

// A sourceJSON names the line of a file of records.
type sourceJSON struct {
	Kind string `json:"kind"`
	File string `json:"file"`
	Line int    `json:"line"` // 1-based
}

func newSource(s record.Source) sourceJSON { return sourceJSON{s.Kind.String(), s.File, s.Line} }

// sourceOrNil returns nil, which JSON leaves out, for what no record says.
func sourceOrNil(s record.Source) *sourceJSON {
	if s == (record.Source{}) {
		return nil
	}
	j := newSource(s)
	return &j
}

// A trackedJSON is the conntrack entry of a leg.
type trackedJSON struct {
	sourceJSON
	Orig  tupleJSON `json:"orig"`
	Reply tupleJSON `json:"reply"`
	State string    `json:"state,omitempty"`
	Mark  uint32    `json:"mark,omitempty"`
	Zone  uint16    `json:"zone,omitempty"`
}

func newTracked(t *record.Tracked) *trackedJSON {
	if t == nil {
		return nil
	}
	return &trackedJSON{newSource(t.Source), newTuple(t.Orig), newTuple(t.Reply), t.State, t.Mark, t.Zone}
}

// A processJSON is a process that has an end of a leg open.
type processJSON struct {
	Name   string     `json:"name,omitempty"`
	PID    int        `json:"pid,omitempty"`
	UID    *int64     `json:"uid,omitempty"`
	Record sourceJSON `json:"record"`
}

func newProcess(p *record.Process) *processJSON {
	if p == nil {
		return nil
	}
	j := &processJSON{Name: p.Name, PID: p.PID, Record: newSource(p.Source)}
	if p.UID >= 0 {
		j.UID = &p.UID
	}
	return j
}

// A loggedJSON is what the access log says of a leg or an exchange.
type loggedJSON struct {
	sourceJSON
	Flags       []string `json:"response_flags,omitempty"`
	Details     string   `json:"response_code_details,omitempty"`
	Termination string   `json:"connection_termination_details,omitempty"`
	Failure     string   `json:"upstream_transport_failure_reason,omitempty"`
	Cluster     string   `json:"upstream_cluster,omitempty"`
	Upstream    string   `json:"upstream_host,omitempty"`
	Route       string   `json:"route_name,omitempty"`
	Error       string   `json:"error,omitempty"`
}

func newLogged(l *record.Logged) *loggedJSON {
	if l == nil {
		return nil
	}
	j := &loggedJSON{sourceJSON: newSource(l.Source), Flags: l.Flags, Details: l.Details, Termination: l.Termination,
		Failure: l.Failure, Cluster: l.Cluster, Route: l.Route, Error: l.Error}
	if l.Upstream.IsValid() {
		j.Upstream = l.Upstream.String()
	}
	return j
}
