package report

import "github.com/pcapmesh/pcapmesh/mesh/flow"

// A legJSON is an element of the member "legs": one TCP connection.
type legJSON struct {
	ID           int          `json:"id"`
	Role         string       `json:"role"`
	Pod          string       `json:"pod"`
	Inputs       []int        `json:"inputs"`
	Interface    string       `json:"interface"`
	Orig         tupleJSON    `json:"orig"`
	Reply        tupleJSON    `json:"reply"`
	Captured     []tupleJSON  `json:"captured"`
	Start        string       `json:"start"`
	End          string       `json:"end"`
	Midstream    bool         `json:"midstream"`
	Orientation  string       `json:"orientation"` // syn or inferred
	ClosedBy     string       `json:"closed_by"`
	OrigPackets  int          `json:"orig_packets"`
	OrigBytes    int64        `json:"orig_bytes"`
	OrigMissing  int64        `json:"orig_missing"`
	ReplyPackets int          `json:"reply_packets"`
	ReplyBytes   int64        `json:"reply_bytes"`
	ReplyMissing int64        `json:"reply_missing"`
	TLS          *tlsJSON     `json:"tls,omitempty"`
	Protocol     string       `json:"protocol"`
	Unused       bool         `json:"unused,omitempty"`       // a proxy dialled it and never used it
	LostHeaders  bool         `json:"lost_headers,omitempty"` // HTTP/2: fields refer to others that were not captured
	Notes        []string     `json:"notes,omitempty"`        // what is wrong with the connection
	Conntrack    *trackedJSON `json:"conntrack,omitempty"`    // its entry
	OrigProcess  *processJSON `json:"orig_process,omitempty"`
	ReplyProcess *processJSON `json:"reply_process,omitempty"`
	Logged       *loggedJSON  `json:"logged,omitempty"` // the access log's line about the whole connection
}

func newLeg(l *flow.Leg) legJSON {
	j := legJSON{ID: l.ID, Role: l.Role.String(), Pod: l.Pod, Inputs: l.Inputs, Interface: l.Interface,
		Orig: newTuple(l.Orig), Reply: newTuple(l.Reply), Start: stamp(int64(l.Start)), End: stamp(int64(l.End)),
		Midstream: l.Midstream, Orientation: "syn", ClosedBy: l.ClosedBy,
		OrigPackets: l.OrigPackets, OrigBytes: l.OrigBytes, OrigMissing: l.OrigMissing,
		ReplyPackets: l.ReplyPackets, ReplyBytes: l.ReplyBytes, ReplyMissing: l.ReplyMissing, Protocol: string(l.Protocol), Unused: l.Unused, LostHeaders: l.LostHeaders, Notes: l.Notes,
		Conntrack: newTracked(l.Conntrack), OrigProcess: newProcess(l.OrigProcess), ReplyProcess: newProcess(l.ReplyProcess), Logged: newLogged(l.Logged)}
	if l.Inferred {
		j.Orientation = "inferred"
	}
	for _, t := range l.Captured {
		j.Captured = append(j.Captured, newTuple(t))
	}
	if l.Protocol == flow.ProtocolTLS || l.Protocol == flow.ProtocolHBONE || l.Decrypted {
		j.TLS = newTLS(&l.TLS)
		j.TLS.Decrypted = l.Decrypted
	}
	return j
}

// A tlsJSON says what the handshake of a leg shows.
type tlsJSON struct {
	Version    string   `json:"version,omitempty"`
	SNI        string   `json:"sni,omitempty"`
	ALPN       []string `json:"alpn,omitempty"`
	Mutual     *bool    `json:"mutual,omitempty"` // absent when nothing tells
	Why        string   `json:"why,omitempty"`
	Identities []string `json:"identities,omitempty"`
	Resumed    bool     `json:"resumed,omitempty"`
	EarlyData  bool     `json:"early_data,omitempty"`
	Decrypted  bool     `json:"decrypted,omitempty"` // protocol is what is inside
}

func newTLS(t *flow.TLS) *tlsJSON {
	j := tlsJSON{Version: t.Version, SNI: t.SNI, ALPN: t.ALPN, Why: t.Reason, Identities: t.Identities, Resumed: t.Resumed, EarlyData: t.EarlyData}
	if t.Reason != "" {
		j.Mutual = &t.Mutual
	}
	return &j
}
