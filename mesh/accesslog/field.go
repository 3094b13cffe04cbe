package accesslog

import (
	"net/netip"
	"strings"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/accesslog/internal/clock"
)

// none is what Envoy logs for a value that is not set.
const none = "-"

// A field is a place in a Line. There are fewer than 64, see fieldSet.
type field uint8

// The fields, in groups of one type.
const (
	skip field = iota // of no use: any text
	startTime
	endTime // ztunnel's: when the line was written
	message // ztunnel's
	flags

	duration // milliseconds in the log
	requestDuration
	responseDuration
	serviceTime

	status // whole numbers
	attempts
	bytesReceived
	bytesSent
	upstreamWireSent
	upstreamWireReceived
	downstreamWireSent
	downstreamWireReceived
	connectionID
	upstreamConnectionID
	workloadSent // ztunnel's, see finish
	workloadReceived

	downstreamRemote // addresses
	downstreamLocal
	downstreamDirect
	upstreamLocal
	upstreamHost
	srcAddr
	dstAddr

	path // texts that may hold anything
	userAgent
	codeDetails
	terminationDetails
	transportFailure
	errorText

	method // words
	protocol
	requestID
	authority
	forwardedFor
	sni
	cluster
	route
	direction
	hboneAddr
	srcWorkload
	srcNamespace
	srcIdentity
	dstService
	dstWorkload
	dstNamespace
	dstIdentity
)

// A fieldSet has the bit 1<<f for each field f in it.
type fieldSet uint64

// The groups go by the order of the constants.

func (f field) isDuration() bool { return duration <= f && f <= serviceTime }
func (f field) isNumber() bool   { return duration <= f && f <= workloadReceived }
func (f field) isAddress() bool  { return downstreamRemote <= f && f <= dstAddr }
func (f field) isText() bool     { return path <= f }

// An operator is what stands between two "%" of a format: a field, and what of
// it is logged.
type operator struct {
	field field
	part  part
	time  *clock.Format // for startTime; nil is Envoy's default
	unit  bool          // a duration is logged as "13ms", by ztunnel
	name  string        // as in the format, without the "%"
}

// A part is what of an address is logged.
type part uint8

const (
	whole part = iota
	withoutPort
	portOnly
)

// text returns the place of a text.
func (l *Line) text(f field) *string {
	switch f {
	case path:
		return &l.Path
	case userAgent:
		return &l.UserAgent
	case codeDetails:
		return &l.CodeDetails
	case terminationDetails:
		return &l.TerminationDetails
	case transportFailure:
		return &l.TransportFailure
	case errorText:
		return &l.Error
	case method:
		return &l.Method
	case protocol:
		return &l.Protocol
	case requestID:
		return &l.RequestID
	case authority:
		return &l.Authority
	case forwardedFor:
		return &l.ForwardedFor
	case sni:
		return &l.SNI
	case cluster:
		return &l.Cluster
	case route:
		return &l.Route
	case direction:
		return &l.Direction
	case hboneAddr:
		return &l.HBONEAddr
	case srcWorkload:
		return &l.SrcWorkload
	case srcNamespace:
		return &l.SrcNamespace
	case srcIdentity:
		return &l.SrcIdentity
	case dstService:
		return &l.DstService
	case dstWorkload:
		return &l.DstWorkload
	case dstNamespace:
		return &l.DstNamespace
	default:
		return &l.DstIdentity
	}
}

// address returns the place of an address.
func (l *Line) address(f field) *netip.AddrPort {
	switch f {
	case downstreamRemote, srcAddr:
		return &l.DownstreamRemote
	case downstreamLocal:
		return &l.DownstreamLocal
	case downstreamDirect:
		return &l.DownstreamDirect
	case upstreamLocal:
		return &l.UpstreamLocal
	case dstAddr:
		if l.Direction == "inbound" {
			return &l.DownstreamLocal
		}
		return &l.UpstreamHost
	default:
		return &l.UpstreamHost
	}
}

// wide returns the place of a number that is an int64, nil for the others.
func (l *Line) wide(f field) *int64 {
	switch f {
	case duration:
		return (*int64)(&l.Duration)
	case requestDuration:
		return (*int64)(&l.RequestDuration)
	case responseDuration:
		return (*int64)(&l.ResponseDuration)
	case serviceTime:
		return (*int64)(&l.ServiceTime)
	case bytesReceived, workloadReceived:
		return &l.BytesReceived
	case bytesSent, workloadSent:
		return &l.BytesSent
	case upstreamWireSent:
		return &l.UpstreamWireSent
	case upstreamWireReceived:
		return &l.UpstreamWireReceived
	case downstreamWireSent:
		return &l.DownstreamWireSent
	case downstreamWireReceived:
		return &l.DownstreamWireReceived
	case connectionID:
		return &l.ConnectionID
	case upstreamConnectionID:
		return &l.UpstreamConnectionID
	}
	return nil
}

// set stores a value that is neither empty nor "-". It reports whether it could
// be read.
func (l *Line) set(o *operator, v string) bool {
	switch f := o.field; {
	case f.isText():
		*l.text(f) = v
	case f.isAddress():
		l.setAddress(o, v)
	case f.isNumber():
		return l.setNumber(f, v)
	case f == startTime:
		return l.setStart(o.time, v)
	case f == flags:
		l.Flags = splitFlags(v)
	}
	return true
}

// setAddress stores an address, or a part of one, which leaves the other part as
// it is: formats may log both apart. A text that is no address of IP is one all
// the same, a socket path for instance, and makes it invalid.
func (l *Line) setAddress(o *operator, v string) {
	a := l.address(o.field)
	if o.field == dstAddr {
		a = &l.UpstreamHost // until the direction is known
	}
	switch o.part {
	case whole:
		*a = parseAddrPort(v)
	case withoutPort:
		*a = netip.AddrPortFrom(parseAddr(v), a.Port())
	case portOnly:
		*a = netip.AddrPortFrom(a.Addr(), parsePort(v))
	}
	if o.field == srcAddr {
		l.Kind = Ztunnel
	}
}

// setStart stores the start. Of several the finest is kept.
func (l *Line) setStart(f *clock.Format, v string) bool {
	at, ok := f.Parse(v)
	if ok && at.Nanos != 0 && (l.Start == 0 || at.Resolution < int64(l.Resolution)) {
		l.Start, l.Resolution = capture.Time(at.Nanos), time.Duration(at.Resolution)
	}
	return ok
}

// setNumber stores a number, in the unit of the line. It reports whether v is one
// that fits.
func (l *Line) setNumber(f field, v string) bool {
	if f.isDuration() {
		v = strings.TrimSuffix(v, "ms") // ztunnel's unit; Envoy writes none
	}
	n, ok := parseNumber(v)
	if !ok {
		return false
	}
	switch {
	case f == status:
		l.Status = int(n)
	case f == attempts:
		l.Attempts = int(n)
	case f.isDuration():
		if n > maxMillis {
			return false
		}
		*l.wide(f) = n * nanosPerMilli
	default:
		*l.wide(f) = n
	}
	return true
}

const nanosPerMilli = 1e6

// maxMillis is the longest duration read, 31 years; nanoseconds of it fit.
const maxMillis = 1e12

// maxDigits is the length of the longest number read, so that it fits.
const maxDigits = 18

// parseNumber reads digits.
func parseNumber(s string) (n int64, ok bool) {
	if s == "" || len(s) > maxDigits {
		return 0, false
	}
	for i := 0; i < len(s); i++ {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	return n, true
}
