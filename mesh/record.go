package mesh

import (
	"net/netip"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/arena"
)

// Records name files with what else a pod leaves beside packets. A record
// proves joins that the packets leave in doubt, or corrects what is assumed of
// the pod; where it contradicts the packets, the packets count and a Conflict
// says so.
type Records struct {
	Conntrack  []RecordFile // conntrack -L or -E in any of its forms, /proc/net/nf_conntrack
	AccessLogs []RecordFile // of Envoy or ztunnel
	// AccessLogFormat is the format of the access logs as Envoy is given it
	// (%START_TIME% …); "" = Istio's, whose versions are told apart.
	AccessLogFormat string
	Rules           []RecordFile // iptables-save, nft list ruleset, or what istio-iptables is told
	Sockets         []RecordFile // ss, lsof, netstat or /proc/net/tcp
}

// A RecordFile names a file with records, "-" for standard input; gzip is
// unpacked.
type RecordFile struct {
	File string
	Pod  string // of which it is; "" = of any
}

// A RecordKind says what left a record.
type RecordKind uint8

// The kinds of records.
const (
	RecordConntrack RecordKind = iota + 1
	RecordAccessLog
	RecordRules
	RecordSockets
)

var recordNames = [...]string{"", "conntrack", "access-log", "rules", "sockets"}

// String returns the kind's name in the JSON output, such as "access-log".
func (k RecordKind) String() string { return recordNames[k] }

// A Source names a line of a record. The zero Source is none: packets show it.
type Source struct {
	Kind RecordKind
	File string
	Line int // 1-based; 0 = the whole file
}

// A RecordInfo says what became of a file with records.
type RecordInfo struct {
	RecordFile
	Kind      RecordKind
	Lines     int
	Entries   int      // entries, exchanges, rules or sockets in it
	Matched   int      // of them those of connections or endpoints in the captures
	Malformed int      // lines that could not be read; the rest was used
	Faults    []string // the first three of them, with line numbers
	Mesh      string   // of rules: the mesh whose they are; "" if none is known
}

// A Conflict is a record that says otherwise than the packets, which count.
type Conflict struct {
	Source  Source
	Leg     int    // ID of the leg that it is about; -1 = none
	Says    string // what the record says
	Packets string // what the packets say
	Shown   []capture.Ref
}

// Tracked is what conntrack knows of a connection.
type Tracked struct {
	Source      Source
	Orig, Reply capture.Tuple
	State       string
	Mark        uint32
	Zone        uint16
}

// Logged is what a line of the proxy's access log adds to what packets show.
type Logged struct {
	Source      Source
	Flags       []string // response flags, such as UF, URX, NR and DC
	Details     string   // response code details, such as via_upstream
	Termination string   // connection termination details
	Failure     string   // upstream transport failure reason
	Cluster     string   // upstream cluster
	Route       string
	Upstream    netip.AddrPort // the server that was chosen; invalid if none was
}

// logged returns what the line adds; nil if there is none.
func (l *logLine) logged(files []RecordInfo) *Logged {
	if l == nil {
		return nil
	}
	return &Logged{Source: l.source(files), Flags: l.Flags, Details: l.CodeDetails, Termination: l.Termination,
		Failure: l.Failure, Cluster: l.Cluster, Route: l.Route, Upstream: l.UpstreamHost}
}

// tracked returns what the entry says; nil if there is none.
func (e *natEntry) tracked(files []RecordInfo) *Tracked {
	if e == nil {
		return nil
	}
	return &Tracked{Source: e.source(files), Orig: e.Orig, Reply: e.Reply, State: e.State, Mark: e.Mark, Zone: e.OrigZone()}
}

// records is all records that were read, as far as they touch the captures,
// and what became of them.
type records struct {
	files     []RecordInfo
	nat       *natBook // of TCP
	datagrams *natBook // of UDP
	memory    arena.Slab[logLine]
	lines     []*logLine // of access logs, in the order of files, and then of their lines
	sockets   []*socketBook
	rules     []*interception
	conflicts []Conflict
}

// account says what became of all records.
func (f *finding) account(x *index, rs *records, logs *ledger) {
	for _, l := range logs.lines {
		if l.said {
			rs.files[l.file].Matched++
		}
	}
	for _, b := range rs.sockets {
		rs.files[b.file].Matched = len(b.found)
	}
	for _, l := range f.legs {
		for c := range l.sightings {
			if l.Conntrack == nil {
				l.Conntrack = c.entry.tracked(rs.files)
			}
		}
		l.Logged = l.log.logged(rs.files)
	}
	for _, p := range f.paths {
		for i := range p.Exchanges {
			p.Exchanges[i].Logged = p.line(i).logged(rs.files)
		}
	}
	f.records = rs.files
	f.conflicts = append(entryConflicts(rs.nat, x, rs.files, f.legs), rs.conflicts...)
	for _, i := range rs.rules {
		f.conflicts = append(f.conflicts, ruleConflicts(i, x, rs.files, f.legs, f.joins)...)
	}
}
