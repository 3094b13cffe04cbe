package recorded

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
	"github.com/pcapmesh/pcapmesh/mesh/conntrack"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/record"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/sockets"
)

// checkFiles tells early whether a file cannot be opened.
func checkFiles(o *record.Files) error {
	for kind, files := range [...][]record.File{record.Conntrack: o.Conntrack, record.AccessLog: o.AccessLogs, record.Rules: o.Rules, record.Sockets: o.Sockets} {
		for _, f := range files {
			if f.Name == "-" {
				continue
			}
			if _, err := os.Stat(f.Name); err != nil {
				return fmt.Errorf("%s %s: %w", record.Kind(kind), f.Name, index.Cause(err))
			}
		}
	}
	return nil
}

// ReadRules reads the records that say where to look: firewall rules.
func ReadRules(o *record.Files) (*Records, error) {
	if err := checkFiles(o); err != nil {
		return nil, err
	}
	rd := &reader{records: new(Records)}
	for _, f := range o.Rules {
		if err := rd.read(record.Rules, f, rd.rules); err != nil {
			return nil, err
		}
	}
	return rd.records, nil
}

// DNSPorts lists the ports to which rules redirect DNS queries.
func (rs *Records) DNSPorts() []uint16 {
	var ports []uint16
	for _, i := range rs.Rules {
		ports = append(ports, i.DNSPorts...)
	}
	return ports
}

// Read reads the other records. Of conntrack tables and access logs, which
// can be large, only what touches the captures is kept.
func (rs *Records) Read(o *record.Files, x *index.Index) error {
	rd := &reader{records: rs, touched: newTouched(x, rs.Rules)}
	for _, read := range [...]func(*record.Files) error{rd.readConntrack, rd.readLogs, rd.readSockets} {
		if err := read(o); err != nil {
			return err
		}
	}
	return nil
}

func (rd *reader) readConntrack(o *record.Files) error {
	var entries, queries []*Entry
	for _, f := range o.Conntrack {
		err := rd.read(record.Conntrack, f, func(in io.Reader, info *record.Info) error {
			return rd.conntrack(in, info, func(e *Entry) {
				if e.Proto() == capture.ProtoTCP {
					entries = append(entries, e)
				} else {
					queries = append(queries, e)
				}
			})
		})
		if err != nil {
			return err
		}
	}
	rd.records.NAT, rd.records.Datagrams = newEntries(entries), newEntries(queries)
	return nil
}

func (rd *reader) readLogs(o *record.Files) error {
	var format *accesslog.Format
	if o.AccessLogFormat != "" {
		var err error
		if format, err = accesslog.ParseFormat(o.AccessLogFormat); err != nil {
			return err
		}
	}
	for _, f := range o.AccessLogs {
		err := rd.read(record.AccessLog, f, func(in io.Reader, info *record.Info) error { return rd.accessLog(in, info, format) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (rd *reader) readSockets(o *record.Files) error {
	for _, f := range o.Sockets {
		if err := rd.read(record.Sockets, f, rd.sockets); err != nil {
			return err
		}
	}
	return nil
}

// A reader reads records.
type reader struct {
	records *Records
	touched *touched
	strings map[string]string // kept once
}

// read opens one file and notes what is in it.
func (rd *reader) read(kind record.Kind, f record.File, scan func(io.Reader, *record.Info) error) error {
	in := os.Stdin
	if f.Name != "-" {
		var err error
		if in, err = os.Open(f.Name); err != nil {
			return fmt.Errorf("%s %s: %w", kind, f.Name, index.Cause(err))
		}
		defer in.Close()
	}
	text, err := index.Unzipped(in)
	if err != nil {
		return fmt.Errorf("%s %s: %w", kind, f.Name, index.Cause(err))
	}
	rd.records.Files = append(rd.records.Files, record.Info{File: f, Kind: kind})
	info := &rd.records.Files[len(rd.records.Files)-1]
	if err := scan(text, info); err != nil {
		return fmt.Errorf("%s %s: %w", kind, f.Name, index.Cause(err))
	}
	return nil
}

// conntrack reads a listing or events of conntrack.
func (rd *reader) conntrack(in io.Reader, info *record.Info, keep func(*Entry)) error {
	file := len(rd.records.Files) - 1
	table := conntrack.NewTable(func(s *conntrack.Span) {
		info.Matched++
		keep(&Entry{Entry: s.Entry, From: s.From, To: s.To, line: s.First.Number, file: file})
	})
	r := conntrack.NewReader(in)
	err := eachEntry(r.Next, info, func(e *conntrack.Event) {
		if rd.touched.entry(&e.Entry) {
			table.Apply(e)
		}
	})
	if err != nil {
		return err
	}
	table.Close()
	info.Lines = r.Lines()
	n, first := r.Malformed()
	info.Malformed = n
	for _, f := range first {
		info.Faults = append(info.Faults, f.Error())
	}
	return nil
}

// accessLog reads the log of a proxy.
func (rd *reader) accessLog(in io.Reader, info *record.Info, format *accesslog.Format) error {
	file := len(rd.records.Files) - 1
	r := accesslog.NewReader(in, format)
	err := eachEntry(r.Next, info, func(l *accesslog.Line) {
		if rd.touched.line(l) {
			rd.records.Lines = append(rd.records.Lines, rd.logLine(l, file, info.Pod))
		}
	})
	if err != nil {
		return err
	}
	info.Lines = r.Lines()
	n, first := r.Malformed()
	info.Malformed = n
	for _, f := range first {
		info.Fault(f.Line, f.Reason)
	}
	return nil
}

// sockets reads a list of sockets.
func (rd *reader) sockets(in io.Reader, info *record.Info) error {
	book := &Sockets{File: len(rd.records.Files) - 1, Pod: info.Pod, Found: make(map[int]bool)}
	r := sockets.NewReader(in)
	err := eachEntry(r.Next, info, func(s sockets.Socket) {
		if s.State == sockets.Listen || rd.touched.socket(s) {
			book.Add(s)
		}
	})
	if err != nil {
		return err
	}
	rd.records.Sockets = append(rd.records.Sockets, book)
	info.Lines = r.Lines()
	n, first := r.Malformed()
	info.Malformed = n
	for _, f := range first {
		info.Fault(f.Line, f.Reason)
	}
	return nil
}

// eachEntry hands out what next returns, and counts it.
func eachEntry[T any](next func() (T, error), info *record.Info, take func(T)) error {
	for {
		v, err := next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		info.Entries++
		take(v)
	}
}

// Line keeps of a line what ties legs and what is shown. What few values have
// is kept once.
func (rd *reader) logLine(l *accesslog.Line, file int, pod string) *Line {
	_, k := rd.records.memory.Add()
	*k = Line{
		Number: l.Number, Start: l.Start, Resolution: l.Resolution, Duration: l.Duration, BytesReceived: l.BytesReceived, BytesSent: l.BytesSent,
		DownstreamRemote: l.DownstreamRemote, DownstreamLocal: l.DownstreamLocal, DownstreamDirect: l.DownstreamDirect,
		UpstreamLocal: l.UpstreamLocal, UpstreamHost: l.UpstreamHost, Method: rd.once(l.Method), Path: rd.once(l.Path),
		RequestID: strings.Clone(l.RequestID), CodeDetails: rd.once(l.CodeDetails), Cluster: rd.once(l.Cluster), Termination: rd.once(l.TerminationDetails),
		Failure: rd.once(l.TransportFailure), Route: rd.once(l.Route), Status: l.Status, Attempts: l.Attempts, whole: l.TCP(), File: file, Pod: pod,
	}
	for _, f := range l.Flags {
		k.Flags = append(k.Flags, rd.once(f))
	}
	return k
}

// maxOnce bounds the strings that are kept once.
const maxOnce = 1 << 16

// once returns a string equal to s that does not keep the line it stands in.
func (rd *reader) once(s string) string {
	if k, ok := rd.strings[s]; ok {
		return k
	}
	k := strings.Clone(s)
	if rd.strings == nil {
		rd.strings = make(map[string]string)
	}
	if len(rd.strings) < maxOnce {
		rd.strings[k] = k
	}
	return k
}

// rules reads firewall rules, or what makes some.
func (rd *reader) rules(in io.Reader, info *record.Info) error {
	var lines lineCounter
	set, err := rules.Parse(io.TeeReader(in, &lines))
	if err != nil && !errors.Is(err, rules.ErrNoRules) {
		return err
	}
	info.Lines, info.Malformed, info.Entries = lines.count(), set.Malformed, set.Rules()
	for _, m := range set.First {
		info.Faults = append(info.Faults, fmt.Sprintf("line %d: %s: %.60q", m.Line, m.Why, m.Text))
	}
	if err == nil {
		i := &Rules{Facts: set.Facts(), set: set, File: len(rd.records.Files) - 1, Pod: info.Pod}
		info.Mesh = i.Mesh
		rd.records.Rules = append(rd.records.Rules, i)
	}
	return nil
}

// A lineCounter counts the lines written to it.
type lineCounter struct {
	ended int
	open  bool // something follows the last end of a line
}

func (c *lineCounter) Write(p []byte) (int, error) {
	c.ended += bytes.Count(p, []byte{'\n'})
	if len(p) > 0 {
		c.open = p[len(p)-1] != '\n'
	}
	return len(p), nil
}

func (c *lineCounter) count() int {
	if c.open {
		return c.ended + 1
	}
	return c.ended
}

// touched is what the captures show, as hashes: enough to pass over records of
// other connections.
type touched struct {
	tuples, ends map[uint64]struct{}
	inbound      map[uint16]bool // ports to which proxies have clients redirected
	from, to     int64
}

func newTouched(x *index.Index, redirects []*Rules) *touched {
	t := &touched{make(map[uint64]struct{}), make(map[uint64]struct{}), make(map[uint16]bool), math.MaxInt64, math.MinInt64}
	for _, p := range profile.All() {
		t.redirect(p.InboundPorts)
	}
	for _, i := range redirects {
		t.redirect(i.InboundPorts)
	}
	for h := index.HalfNo(1); int(h) <= x.Len(); h++ {
		half := x.Half(h)
		k := half.Key.Tuple()
		t.tuples[hashTuple(k)] = struct{}{}
		t.ends[hashEnd(k.Src)], t.ends[hashEnd(k.Dst)] = struct{}{}, struct{}{}
		t.from, t.to = min(t.from, half.FirstNanos), max(t.to, half.LastNanos)
	}
	for _, g := range x.Groups {
		for i := range uint32(g.DNS.Messages.Len()) {
			t.tuples[hashTuple(g.DNS.Messages.At(i).Tuple())] = struct{}{}
		}
	}
	return t
}

func (t *touched) redirect(ports []uint16) {
	for _, p := range ports {
		t.inbound[p] = true
	}
}

func hashEnd(a netip.AddrPort) uint64 {
	var b [18]byte
	ip := a.Addr().As16()
	copy(b[:], ip[:])
	b[16], b[17] = byte(a.Port()>>8), byte(a.Port())
	return xxhash.Sum64(b[:])
}

func hashTuple(t capture.Tuple) uint64 {
	return hashEnd(t.Src)*31 + hashEnd(t.Dst) + uint64(t.Proto)
}

func (t *touched) tuple(k capture.Tuple) bool {
	_, ok := t.tuples[hashTuple(k)]
	return ok
}

func (t *touched) end(a netip.AddrPort) bool {
	_, ok := t.ends[hashEnd(a)]
	return ok && a.IsValid()
}

// socket tells whether a socket may be an end of a captured connection. What a
// proxy accepts behind a redirect has its listener's port at its own end.
func (t *touched) socket(s sockets.Socket) bool {
	there := capture.Tuple{Proto: capture.ProtoTCP, Src: s.Local, Dst: s.Remote}
	return t.tuple(there) || t.tuple(there.Reverse()) || t.inbound[s.Local.Port()] && t.end(s.Remote)
}

// entry tells whether some packet may be of the entry's connection.
func (t *touched) entry(e *conntrack.Entry) bool {
	return (e.Proto() == capture.ProtoTCP || e.Proto() == capture.ProtoUDP) &&
		(t.tuple(e.Orig) || t.tuple(e.Orig.Reverse()) || t.tuple(e.Reply) || t.tuple(e.Reply.Reverse()))
}

// line tells whether a log line names an end that was captured, at the time of
// the captures.
func (t *touched) line(l *accesslog.Line) bool {
	if l.Start != 0 && (l.Start > t.to+LogSlack || l.Duration >= 0 && l.Start+l.Duration+l.Resolution+LogSlack < t.from) {
		return false
	}
	for _, client := range [...]netip.AddrPort{l.DownstreamDirect, l.DownstreamRemote} {
		if client.IsValid() && client.Port() != 0 {
			return t.end(client)
		}
	}
	return t.end(l.UpstreamLocal)
}
