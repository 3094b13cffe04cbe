package conntrack

import (
	"cmp"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// An Entry is one connection as netfilter tracks it. It is comparable; the zero
// Entry is not valid.
//
// What an entry has beside tuples and status depends on the form it was printed
// in; Has tells.
type Entry struct {
	// Orig and Reply hold, where the protocol has no ports, the two words
	// that connection tracking keeps in their place: for ICMP the source's is
	// the id and the destination's type<<8|code, for GRE they are the keys;
	// else 0.
	Orig, Reply tcpip.Tuple

	Has    Fields
	Status Status

	State   string // of TCP, SCTP and DCCP, such as "TIME_WAIT"; "" unknown
	Timeout uint32 // seconds until the entry expires; iff HasTimeout
	Mark    uint32 // iff HasMark
	SecMark uint32 // iff HasSecMark
	SecCtx  string // security context, "" none
	Helper  string // name of the connection tracking helper, "" none
	Labels  string // names, separated by commas; "" none

	// The zones of both directions, of the original one, of the reply's; an
	// entry has one of them or none, which is zone 0.
	Zone, ZoneOrig, ZoneReply uint16

	OrigCount, ReplyCount Counters // iff HasOrigCount, HasReplyCount

	Use   uint32 // references held, one more in /proc; iff HasUse
	ID    uint32 // tells incarnations of a tuple apart; iff HasID
	Delta uint32 // delta-time: seconds since Start when printed, or lived; iff HasDelta

	Start, Stop Stamp // by the kernel's clock, with nf_conntrack_timestamp=1 and -o ktimestamp
}

// Counters are what net.netfilter.nf_conntrack_acct=1 counts in one direction.
type Counters struct {
	Packets uint64
	Bytes   uint64 // of IP packets, headers included
}

// Fields is a set of an Entry's fields.
type Fields uint16

// The fields that an entry may lack.
const (
	HasTimeout Fields = 1 << iota
	HasMark
	HasSecMark
	HasZone
	HasZoneOrig
	HasZoneReply
	HasOrigCount
	HasReplyCount
	HasUse
	HasID
	HasDelta
)

// Status holds the flags of an entry, by the kernel's values (enum
// ip_conntrack_status, linux/netfilter/nf_conntrack_common.h).
type Status uint32

// The flags that are printed. Text shows at most one of HWOffload, Offload and
// Assured, in this order, and XML no Offload; -o save shows neither Offload.
const (
	Expected     Status = 1 << 0
	SeenReply    Status = 1 << 1 // there were packets in both directions
	Assured      Status = 1 << 2 // not dropped early when the table is full
	FixedTimeout Status = 1 << 10
	Offload      Status = 1 << 14 // packets pass by netfilter, in a flow table
	HWOffload    Status = 1 << 15 // packets pass by the kernel
)

// Proto returns the protocol of both tuples.
func (e *Entry) Proto() tcpip.Proto { return e.Orig.Proto }

// NAT reports whether packets are rewritten: the reply tuple is not the orig
// tuple reversed. Of ICMP only addresses are compared, since an answer has
// another type, and -o save and XML do not have it.
func (e *Entry) NAT() bool {
	if shapeOf(e.Orig.Proto) == shapeICMP {
		return e.Reply.Src.Addr() != e.Orig.Dst.Addr() || e.Reply.Dst.Addr() != e.Orig.Src.Addr()
	}
	return e.Reply != e.Orig.Reverse()
}

// OrigZone returns the zone in which the orig tuple is unique.
func (e *Entry) OrigZone() uint16 {
	if e.Has&HasZoneOrig != 0 {
		return e.ZoneOrig
	}
	return e.Zone
}

// update takes over what o says of the same entry later on.
func (e *Entry) update(o *Entry) {
	old := *e
	*e = *o
	e.keep(&old, old.Has&^o.Has)
	e.Has |= old.Has
	e.State = cmp.Or(e.State, old.State)
	e.SecCtx = cmp.Or(e.SecCtx, old.SecCtx)
	e.Helper = cmp.Or(e.Helper, old.Helper)
	e.Labels = cmp.Or(e.Labels, old.Labels)
	e.Start = old.Start.better(e.Start)
	e.Stop = e.Stop.better(old.Stop)
}

// keep copies the given fields from old.
func (e *Entry) keep(old *Entry, fields Fields) {
	keep(fields, HasTimeout, &e.Timeout, old.Timeout)
	keep(fields, HasMark, &e.Mark, old.Mark)
	keep(fields, HasSecMark, &e.SecMark, old.SecMark)
	keep(fields, HasZone, &e.Zone, old.Zone)
	keep(fields, HasZoneOrig, &e.ZoneOrig, old.ZoneOrig)
	keep(fields, HasZoneReply, &e.ZoneReply, old.ZoneReply)
	keep(fields, HasOrigCount, &e.OrigCount, old.OrigCount)
	keep(fields, HasReplyCount, &e.ReplyCount, old.ReplyCount)
	keep(fields, HasUse, &e.Use, old.Use)
	keep(fields, HasID, &e.ID, old.ID)
	keep(fields, HasDelta, &e.Delta, old.Delta)
}

func keep[T any](fields, field Fields, to *T, old T) {
	if fields&field != 0 {
		*to = old
	}
}
