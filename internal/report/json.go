package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// The JSON output, version 1. These structs are the format: fields may be
// added, never changed. Endpoints are "ip:port", IPv6 in brackets; times are
// RFC 3339 with nanoseconds, UTC; packet numbers are 1-based; ranges are
// [offset, end) in the leg's stream.

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

type interfaceJSON struct {
	Name     string `json:"name"`
	LinkType string `json:"link_type"`
	Inferred bool   `json:"inferred,omitempty"` // the name is not in the file
}

type tupleJSON struct {
	Src string `json:"src"`
	Dst string `json:"dst"`
}

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
	LostHeaders  bool         `json:"lost_headers,omitempty"` // HTTP/2: fields refer to others that were not captured
	Notes        []string     `json:"notes,omitempty"`        // what is wrong with the connection
	Conntrack    *trackedJSON `json:"conntrack,omitempty"`    // the entry that is of the connection
	OrigProcess  *processJSON `json:"orig_process,omitempty"`
	ReplyProcess *processJSON `json:"reply_process,omitempty"`
	Logged       *loggedJSON  `json:"logged,omitempty"` // the access log's line about the connection as a whole
}

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

type packetJSON struct {
	Input  uint32 `json:"input"`
	Number uint32 `json:"number"`
}

type evidenceJSON struct {
	Kind    string       `json:"kind"`
	Detail  string       `json:"detail"`
	Packets []packetJSON `json:"packets"`
	Record  *sourceJSON  `json:"record,omitempty"` // what says so, beside packets
}

type sourceJSON struct {
	Kind string `json:"kind"`
	File string `json:"file"`
	Line int    `json:"line"` // 1-based
}

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

type conflictJSON struct {
	Record  sourceJSON   `json:"record"`
	Leg     *int         `json:"leg,omitempty"`
	Says    string       `json:"says"`
	Packets string       `json:"packets_say"`
	Shown   []packetJSON `json:"packets"`
}

type trackedJSON struct {
	sourceJSON
	Orig  tupleJSON `json:"orig"`
	Reply tupleJSON `json:"reply"`
	State string    `json:"state,omitempty"`
	Mark  uint32    `json:"mark,omitempty"`
	Zone  uint16    `json:"zone,omitempty"`
}

type processJSON struct {
	Name   string     `json:"name,omitempty"`
	PID    int        `json:"pid,omitempty"`
	UID    *int64     `json:"uid,omitempty"`
	Record sourceJSON `json:"record"`
}

type loggedJSON struct {
	sourceJSON
	Flags       []string `json:"response_flags,omitempty"`
	Details     string   `json:"response_code_details,omitempty"`
	Termination string   `json:"connection_termination_details,omitempty"`
	Failure     string   `json:"upstream_transport_failure_reason,omitempty"`
	Cluster     string   `json:"upstream_cluster,omitempty"`
	Upstream    string   `json:"upstream_host,omitempty"`
	Route       string   `json:"route_name,omitempty"`
}

type joinJSON struct {
	From       int            `json:"from"`
	To         int            `json:"to"`
	Confidence confidence     `json:"confidence"`
	Proven     bool           `json:"proven"`
	Ambiguous  bool           `json:"ambiguous"`
	Evidence   []evidenceJSON `json:"evidence"`
	Rivals     []int          `json:"rivals"`
}

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

type hopJSON struct {
	Leg           int            `json:"leg"`
	FromLeg       *int           `json:"from_leg,omitempty"`
	Request       [2]int64       `json:"request"`
	Response      [2]int64       `json:"response"`
	PlainRequest  *[2]int64      `json:"plain_request,omitempty"` // of a decrypted leg: in its plaintext
	PlainResponse *[2]int64      `json:"plain_response,omitempty"`
	RequestStart  string         `json:"request_start,omitempty"`
	RequestEnd    string         `json:"request_end,omitempty"`
	ResponseStart string         `json:"response_start,omitempty"`
	ResponseEnd   string         `json:"response_end,omitempty"`
	Confidence    *confidence    `json:"confidence,omitempty"`
	Proven        *bool          `json:"proven,omitempty"`
	Ambiguous     *bool          `json:"ambiguous,omitempty"`
	Evidence      []evidenceJSON `json:"evidence,omitempty"`
	Rivals        *[]rivalJSON   `json:"rivals,omitempty"`
	Attempt       int            `json:"attempt,omitempty"`
}

type rivalJSON struct {
	Leg     int      `json:"leg"`
	Request [2]int64 `json:"request"`
}

// A confidence is a probability, printed with at most four decimals. What is
// behind them depends on the order in which probabilities were added up, and is
// known no better than that. Only certainty is printed as 1.
type confidence float64

func (c confidence) MarshalJSON() ([]byte, error) {
	rounded := math.Round(float64(c)*1e4) / 1e4
	if c < 1 {
		rounded = min(rounded, 0.9999)
	}
	return strconv.AppendFloat(nil, rounded, 'f', -1, 64), nil
}

// JSON writes a result as one JSON object, element by element, so that it
// needs no memory for the whole.
func JSON(w io.Writer, r *mesh.Result) error {
	out := bufio.NewWriterSize(w, 64<<10)
	out.WriteString(`{"version":1`)
	list(out, "inputs", len(r.Inputs), func(i int) any { return newInput(&r.Inputs[i]) })
	list(out, "legs", len(r.Legs), func(i int) any { return newLeg(r.Legs[i]) })
	list(out, "joins", len(r.Joins), func(i int) any { return newJoin(&r.Joins[i]) })
	list(out, "paths", len(r.Paths), func(i int) any { return newPath(r.Paths[i]) })
	if len(r.Records) > 0 {
		list(out, "records", len(r.Records), func(i int) any { return newRecord(&r.Records[i]) })
		list(out, "conflicts", len(r.Conflicts), func(i int) any { return newConflict(&r.Conflicts[i]) })
	}
	if len(r.Lookups) > 0 {
		list(out, "dns", len(r.Lookups), func(i int) any { return newLookup(r.Lookups[i]) })
	}
	out.WriteString("\n}\n")
	return out.Flush()
}

// list writes a member with an array, one element a line.
func list(out *bufio.Writer, name string, n int, element func(int) any) {
	out.WriteString(",\n\"" + name + "\":[")
	enc := newEncoder()
	for i := range n {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
		out.Write(enc.compact(element(i)))
	}
	out.WriteByte(']')
}

// An encoder encodes values without line breaks and without HTML escapes.
type encoder struct {
	buf bytes.Buffer
	enc *json.Encoder
}

func newEncoder() *encoder {
	e := new(encoder)
	e.enc = json.NewEncoder(&e.buf)
	e.enc.SetEscapeHTML(false)
	return e
}

// compact returns the encoding of v, valid until the next call. The structs of
// this file always encode.
func (e *encoder) compact(v any) []byte {
	e.buf.Reset()
	if err := e.enc.Encode(v); err != nil {
		return []byte("null")
	}
	return bytes.TrimSuffix(e.buf.Bytes(), []byte("\n"))
}

// JSONLines writes a result as one JSON object a line: first the inputs, then
// legs, joins, paths and lookups ("dns"), each with a member "kind".
func JSONLines(w io.Writer, r *mesh.Result) error {
	out, enc := bufio.NewWriterSize(w, 64<<10), newEncoder()
	line := func(kind string, v any) {
		out.WriteString(`{"version":1,"kind":"` + kind + `",`)
		out.Write(enc.compact(v)[1:])
		out.WriteByte('\n')
	}
	for i := range r.Inputs {
		line("input", newInput(&r.Inputs[i]))
	}
	for _, l := range r.Legs {
		line("leg", newLeg(l))
	}
	for i := range r.Joins {
		line("join", newJoin(&r.Joins[i]))
	}
	for _, p := range r.Paths {
		line("path", newPath(p))
	}
	for i := range r.Records {
		line("record", newRecord(&r.Records[i]))
	}
	for i := range r.Conflicts {
		line("conflict", newConflict(&r.Conflicts[i]))
	}
	for _, l := range r.Lookups {
		line("dns", newLookup(l))
	}
	return out.Flush()
}

// stamp prints a time; "" for the unknown time 0.
func stamp(nanos int64) string {
	if nanos == 0 {
		return ""
	}
	t := time.Unix(0, nanos).UTC()
	var buf [32]byte
	b := t.AppendFormat(buf[:0], "2006-01-02T15:04:05")
	b = append(b, '.')
	for d, n := 100_000_000, t.Nanosecond(); d > 0; d /= 10 {
		b = append(b, '0'+byte(n/d%10))
	}
	return string(append(b, 'Z'))
}

func newInput(in *mesh.InputInfo) inputJSON {
	j := inputJSON{File: in.File, Pod: in.Pod, Packets: in.Packets, Interfaces: []interfaceJSON{},
		First: stamp(in.First), Last: stamp(in.Last), Truncated: in.Truncated}
	if in.Err != nil {
		j.Error = in.Err.Error()
	}
	for _, p := range in.Points {
		j.Interfaces = append(j.Interfaces, interfaceJSON{p.Name, p.Link.String(), p.Inferred})
	}
	return j
}

func newTuple(t capture.Tuple) tupleJSON { return tupleJSON{t.Src.String(), t.Dst.String()} }

func newLeg(l *flow.Leg) legJSON {
	j := legJSON{ID: l.ID, Role: l.Role.String(), Pod: l.Pod, Inputs: l.Inputs, Interface: l.Interface,
		Orig: newTuple(l.Orig), Reply: newTuple(l.Reply), Start: stamp(l.Start), End: stamp(l.End),
		Midstream: l.Midstream, Orientation: "syn", ClosedBy: l.ClosedBy,
		OrigPackets: l.OrigPackets, OrigBytes: l.OrigBytes, OrigMissing: l.OrigMissing,
		ReplyPackets: l.ReplyPackets, ReplyBytes: l.ReplyBytes, ReplyMissing: l.ReplyMissing, Protocol: l.Protocol, LostHeaders: l.LostHeaders, Notes: l.Notes,
		Conntrack: newTracked(l.Conntrack), OrigProcess: newProcess(l.OrigProcess), ReplyProcess: newProcess(l.ReplyProcess), Logged: newLogged(l.Logged)}
	if l.Inferred {
		j.Orientation = "inferred"
	}
	for _, t := range l.Captured {
		j.Captured = append(j.Captured, newTuple(t))
	}
	if l.Protocol == "tls" || l.Protocol == "hbone" || l.Decrypted {
		j.TLS = newTLS(&l.TLS)
		j.TLS.Decrypted = l.Decrypted
	}
	return j
}

func newTLS(t *flow.TLS) *tlsJSON {
	j := tlsJSON{Version: t.Version, SNI: t.SNI, ALPN: t.ALPN, Why: t.Reason, Identities: t.Identities, Resumed: t.Resumed, EarlyData: t.EarlyData}
	if t.Reason != "" {
		j.Mutual = &t.Mutual
	}
	return &j
}

func newEvidence(es []flow.Evidence) []evidenceJSON {
	js := []evidenceJSON{}
	for _, e := range es {
		j := evidenceJSON{Kind: e.Kind.String(), Detail: e.Detail, Packets: newPackets(e.Packets)}
		if e.Source != (record.Source{}) {
			s := newSource(e.Source)
			j.Record = &s
		}
		js = append(js, j)
	}
	return js
}

func newPackets(refs []capture.Ref) []packetJSON {
	js := []packetJSON{}
	for _, p := range refs {
		js = append(js, packetJSON{p.Input, p.Packet})
	}
	return js
}

func newSource(s record.Source) sourceJSON { return sourceJSON{s.Kind.String(), s.File, s.Line} }

func newRecord(in *record.Info) recordJSON {
	return recordJSON{in.Name, in.Kind.String(), in.Pod, in.Lines, in.Entries, in.Matched, in.Malformed, in.Faults, in.Mesh}
}

func newConflict(c *record.Conflict) conflictJSON {
	j := conflictJSON{Record: newSource(c.Source), Says: c.Says, Packets: c.Packets, Shown: newPackets(c.Shown)}
	if c.Leg >= 0 {
		j.Leg = &c.Leg
	}
	return j
}

func newTracked(t *record.Tracked) *trackedJSON {
	if t == nil {
		return nil
	}
	return &trackedJSON{newSource(t.Source), newTuple(t.Orig), newTuple(t.Reply), t.State, t.Mark, t.Zone}
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

func newLogged(l *record.Logged) *loggedJSON {
	if l == nil {
		return nil
	}
	j := &loggedJSON{sourceJSON: newSource(l.Source), Flags: l.Flags, Details: l.Details, Termination: l.Termination,
		Failure: l.Failure, Cluster: l.Cluster, Route: l.Route}
	if l.Upstream.IsValid() {
		j.Upstream = l.Upstream.String()
	}
	return j
}

func newJoin(j *flow.Join) joinJSON {
	rivals := j.Rivals
	if rivals == nil {
		rivals = []int{}
	}
	return joinJSON{j.From, j.To, confidence(j.Confidence), j.Proven, j.Ambiguous, newEvidence(j.Evidence), rivals}
}

func newPath(p *flow.Path) pathJSON {
	j := pathJSON{ID: p.ID, Direction: p.Direction.String(), Client: p.Client.String(), Server: p.Server.String(),
		Legs: p.Legs, Complete: p.Complete, Ambiguous: p.Ambiguous, Exchanges: make([]exchangeJSON, 0, len(p.Exchanges)), Mode: string(p.Mode)}
	for i := range p.Exchanges {
		x := &p.Exchanges[i]
		e := exchangeJSON{x.ID, x.RequestID, x.Method, x.Target, x.Status, x.Proven, x.Ambiguous, make([]hopJSON, 0, len(x.Hops)), nil, nil, newLogged(x.Logged)}
		if g := x.GRPC; g != nil {
			e.GRPC, e.Messages = &g.Status, &[2]int{g.Sent, g.Received}
		}
		for h := range x.Hops {
			e.Hops = append(e.Hops, newHop(&x.Hops[h]))
		}
		j.Exchanges = append(j.Exchanges, e)
	}
	return j
}

func newHop(h *flow.Hop) hopJSON {
	j := hopJSON{Leg: h.Leg, Request: h.Request, Response: h.Response,
		RequestStart: stamp(h.RequestStart), RequestEnd: stamp(h.RequestEnd),
		ResponseStart: stamp(h.ResponseStart), ResponseEnd: stamp(h.ResponseEnd)}
	if h.Decrypted {
		j.PlainRequest, j.PlainResponse = &h.PlainRequest, &h.PlainResponse
	}
	if h.FromLeg < 0 {
		return j
	}
	sure := confidence(h.Confidence)
	j.FromLeg, j.Confidence, j.Proven, j.Ambiguous = &h.FromLeg, &sure, &h.Proven, &h.Ambiguous
	j.Evidence, j.Attempt = newEvidence(h.Evidence), h.Attempt
	rivals := make([]rivalJSON, 0, len(h.Rivals))
	for _, r := range h.Rivals {
		rivals = append(rivals, rivalJSON{r.Leg, r.Request})
	}
	j.Rivals = &rivals
	return j
}
