package http2

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
)

// maxOpen bounds the streams of one half that are open at once; the one that
// was quiet for longest is given up. Peers allow each other 100 to 1000
// (SETTINGS_MAX_CONCURRENT_STREAMS), but a stream that the other side reset
// stays open here.
const maxOpen = 4096

// A stream is the message being read of one stream.
type stream struct {
	id      uint32
	tag     uint32
	epoch   uint32 // of the scanner when the stream was opened
	code    uint32 // of its RST_STREAM
	status  int32  // grpc-status; -1 = none
	flags   streamFlags
	start   int64 // offset of the head, or of the first frame
	headEnd int64
	last    int64 // offset after the last frame
	wire    int64 // bytes of all frames
	missing int64 // bytes of the body that were not captured
	body    fingerprint.Sampler
	grpc    grpcReader
	older   *stream // in the order of their last frames
	newer   *stream
}

type streamFlags uint8

const (
	hasHead streamFlags = 1 << iota // the head of the message, not only informational ones
	isRequest
	unsure // of how long the body is
	wasReset
	torn     // frames of it were missed, or may have been
	beheaded // it begins without a head, and that was told
)

func (f streamFlags) has(g streamFlags) bool { return f&g != 0 }

// streams are the open streams of one half.
type streams struct {
	byID           map[uint32]*stream
	oldest, newest *stream
}

// touch makes st the newest.
func (o *streams) touch(st *stream) {
	if o.newest == st {
		return
	}
	o.unlink(st)
	st.older, st.newer = o.newest, nil
	if o.newest != nil {
		o.newest.newer = st
	} else {
		o.oldest = st
	}
	o.newest = st
}

// unlink takes st out of the order.
func (o *streams) unlink(st *stream) {
	switch {
	case st.older != nil:
		st.older.newer = st.newer
	case o.oldest == st:
		o.oldest = st.newer
	}
	switch {
	case st.newer != nil:
		st.newer.older = st.older
	case o.newest == st:
		o.newest = st.older
	}
	st.older, st.newer = nil, nil
}

// open returns the stream with the given id, made if there is none, as one that
// has just had a frame at offset off.
func (s *Scanner) open(id uint32, off int64, ev Handler) *stream {
	st := s.streams.byID[id]
	if st == nil {
		if len(s.streams.byID) >= maxOpen {
			s.endStream(s.streams.oldest, false, ev)
		}
		st = s.mem.getStream()
		st.id, st.start, st.headEnd, st.epoch, st.status = id, off, off, s.epoch, -1
		st.body.Reset(fingerprint.UnknownLen)
		if s.streams.byID == nil {
			s.streams.byID = make(map[uint32]*stream)
		}
		s.streams.byID[id] = st
	}
	s.streams.touch(st)
	return st
}

// behead tells of a stream that begins without a head.
func (s *Scanner) behead(st *stream, ev Handler) {
	if st.flags&(hasHead|beheaded) != 0 {
		return
	}
	st.flags |= beheaded
	h := &s.mem.headers
	*h = Headers{Off: st.start, EndOff: st.start, Stream: st.id, Request: s.kind == Requests, Headless: true, Resync: true, Unknown: true}
	st.tag = ev.Headers(h)
}

// count adds a whole frame to its stream.
func (st *stream) count(f *frame) {
	st.wire += frameHeaderLen + f.length
	st.last = f.end()
}

// endStream ends the message of st; seen tells that its end was seen.
func (s *Scanner) endStream(st *stream, seen bool, ev Handler) {
	s.streams.unlink(st)
	delete(s.streams.byID, st.id)
	if st.epoch != s.epoch || !st.flags.has(hasHead) {
		st.flags |= torn
	}
	if !seen || st.flags&(torn|unsure) != 0 {
		st.body.Cut()
	}
	m := &s.mem.message
	*m = Message{
		Stream: st.id, Tag: st.tag,
		Start: st.start, HeadEnd: st.headEnd, End: st.last, Wire: st.wire,
		Request: st.flags.has(isRequest), Headless: !st.flags.has(hasHead), Ended: seen,
		Complete: seen && !st.flags.has(torn), Reset: st.flags.has(wasReset), Code: st.code,
		BodyLen: st.body.Len(), MissingBytes: st.missing, Body: st.body.Sum(),
		GRPC: st.sumGRPC(),
	}
	ev.End(m)
	s.mem.putStream(st)
}

// sumGRPC returns what was found of gRPC.
func (st *stream) sumGRPC() GRPC {
	if !st.grpc.found {
		return GRPC{Status: int(st.status)}
	}
	return GRPC{
		Found: true, Messages: st.grpc.count, Lengths: st.grpc.lengths,
		Lost: st.grpc.lost || st.flags.has(torn), Status: int(st.status),
	}
}

// inOrder lists the open streams by number.
func (o *streams) inOrder() []*stream {
	var all []*stream
	for st := o.oldest; st != nil; st = st.newer {
		all = append(all, st)
	}
	slices.SortFunc(all, func(a, b *stream) int { return cmp.Compare(a.id, b.id) })
	return all
}
