package record

import (
	"fmt"
	"strconv"
)

// Files name files with what else a pod leaves beside packets. A record
// proves joins that the packets leave in doubt, or corrects what is assumed of
// the pod; where it contradicts the packets, the packets count and a Conflict
// says so.
type Files struct {
	Conntrack  []File // conntrack -L or -E in any of its forms, /proc/net/nf_conntrack
	AccessLogs []File // of Envoy or ztunnel
	// AccessLogFormat is the format of the access logs as Envoy is given it
	// (%START_TIME% …); "" = Istio's, whose versions are told apart.
	AccessLogFormat string
	Rules           []File // iptables-save, nft list ruleset, or what istio-iptables is told
	Sockets         []File // ss, lsof, netstat or /proc/net/tcp
}

// A Kind says what left a record.
type Kind uint8

// The kinds of records.
const (
	Conntrack Kind = iota + 1
	AccessLog
	Rules
	Sockets
)

// kinds holds all that differs from kind to kind, but for how it is read.
var kinds = [...]struct {
	name           string // in JSON, and of the flag
	entry, entries string
	means          string // what one of them is, to somebody who gave the wrong file
	ofPod          bool
	files          func(*Files) *[]File
}{
	Conntrack: {"conntrack", "entry", "entries", "a conntrack entry", false, func(f *Files) *[]File { return &f.Conntrack }},
	AccessLog: {"access-log", "line", "lines", "a line of an access log in this format", false, func(f *Files) *[]File { return &f.AccessLogs }},
	Rules:     {"rules", "rule", "rules", "a firewall rule", true, func(f *Files) *[]File { return &f.Rules }},
	Sockets:   {"sockets", "socket", "sockets", "a socket", false, func(f *Files) *[]File { return &f.Sockets }},
}

// Kinds returns all kinds, in the order of their constants.
func Kinds() []Kind {
	var all []Kind
	for k := 1; k < len(kinds); k++ {
		all = append(all, Kind(k))
	}
	return all
}

// String returns the kind's name in the JSON output, such as "access-log".
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k].name
	}
	return fmt.Sprint(uint8(k))
}

// Count returns a number of entries in words, such as "2 sockets".
func (k Kind) Count(n int) string {
	if n == 1 {
		return "1 " + kinds[k].entry
	}
	return strconv.Itoa(n) + " " + kinds[k].entries
}

// Means returns what an entry is, such as "a firewall rule".
func (k Kind) Means() string { return kinds[k].means }

// OfPod reports whether entries are of the pod as a whole, so that none of them
// is of a connection.
func (k Kind) OfPod() bool { return kinds[k].ofPod }

// Of returns the files of a kind.
func (f *Files) Of(k Kind) []File { return *kinds[k].files(f) }

// Add adds a file of a kind.
func (f *Files) Add(k Kind, file File) {
	files := kinds[k].files(f)
	*files = append(*files, file)
}
