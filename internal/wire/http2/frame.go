package http2

import "golang.org/x/net/http2"

// frameHeaderLen is the length of a frame header (RFC 9113 §4.1):
//
//	0      3    4     5        9
//	| length | type | flags | stream |
const frameHeaderLen = 9

// Preface is what a client's half begins with (RFC 9113 §3.4).
const Preface = http2.ClientPreface

// A frame is a frame header and where it stands.
type frame struct {
	off    int64 // stream offset of the header
	length int64 // of the payload
	stream uint32
	kind   http2.FrameType
	flags  http2.Flags
}

// parseFrame reads a frame header, the first frameHeaderLen bytes of b.
func parseFrame(off int64, b []byte) frame {
	return frame{
		off:    off,
		length: int64(b[0])<<16 | int64(b[1])<<8 | int64(b[2]),
		kind:   http2.FrameType(b[3]),
		flags:  http2.Flags(b[4]),
		stream: (uint32(b[5])<<24 | uint32(b[6])<<16 | uint32(b[7])<<8 | uint32(b[8])) & (1<<31 - 1),
	}
}

// end returns the stream offset after the frame.
func (f *frame) end() int64 { return f.off + frameHeaderLen + f.length }

func (f *frame) has(g http2.Flags) bool { return f.flags.Has(g) }

// valid reports whether the header can be one of its type, as far as RFC 9113
// §6 says. Types it does not know can have any.
func (f *frame) valid() bool {
	switch f.kind {
	case http2.FrameData:
		return f.stream != 0 && (f.length > 0 || !f.has(http2.FlagDataPadded))
	case http2.FrameHeaders:
		return f.stream != 0 && f.length >= f.overhead()
	case http2.FramePriority:
		return f.stream != 0 && f.length == 5
	case http2.FrameRSTStream:
		return f.stream != 0 && f.length == 4
	case http2.FrameSettings:
		return f.stream == 0 && f.length%6 == 0 && (f.length == 0 || !f.has(http2.FlagSettingsAck))
	case http2.FramePushPromise:
		return f.stream != 0 && f.length >= 4
	case http2.FramePing:
		return f.stream == 0 && f.length == 8
	case http2.FrameGoAway:
		return f.stream == 0 && f.length >= 8
	case http2.FrameWindowUpdate:
		return f.length == 4
	case http2.FrameContinuation:
		return f.stream != 0
	}
	return true
}

// opens reports whether the frame can be the first of a half (RFC 9113 §3.4).
func (f *frame) opens() bool {
	return f.kind == http2.FrameSettings && f.valid() && !f.has(http2.FlagSettingsAck) && f.length <= defaultLongest
}

// overhead returns how much of a HEADERS frame precedes its header block.
func (f *frame) overhead() (n int64) {
	if f.has(http2.FlagHeadersPadded) {
		n++
	}
	if f.has(http2.FlagHeadersPriority) {
		n += 5
	}
	return n
}

// carriesBlock reports whether the frame carries a part of a header block.
func (f *frame) carriesBlock() bool {
	return f.kind == http2.FrameHeaders || f.kind == http2.FrameContinuation || f.kind == http2.FramePushPromise
}

// wanted reports whether the payload is to be read.
func (f *frame) wanted() bool {
	return f.carriesBlock() || f.kind == http2.FrameRSTStream || f.kind == http2.FrameGoAway
}

// definedFlags lists the flags that each type of frame may have (RFC 9113 §6).
var definedFlags = [...]http2.Flags{
	http2.FrameData:         http2.FlagDataEndStream | http2.FlagDataPadded,
	http2.FrameHeaders:      http2.FlagHeadersEndStream | http2.FlagHeadersEndHeaders | http2.FlagHeadersPadded | http2.FlagHeadersPriority,
	http2.FramePriority:     0,
	http2.FrameRSTStream:    0,
	http2.FrameSettings:     http2.FlagSettingsAck,
	http2.FramePushPromise:  http2.FlagPushPromiseEndHeaders | http2.FlagPushPromisePadded,
	http2.FramePing:         http2.FlagPingAck,
	http2.FrameGoAway:       0,
	http2.FrameWindowUpdate: 0,
	http2.FrameContinuation: http2.FlagContinuationEndHeaders,
}

// plausible reports whether b, in mid-stream, begins with what looks like a
// frame header: stricter than valid, since anything may stand there. longest
// bounds its length, highest its stream.
func plausible(b []byte, longest int64, highest uint32, kind Kind) bool {
	f := parseFrame(0, b)
	if int(f.kind) >= len(definedFlags) || f.flags&^definedFlags[f.kind] != 0 || b[5]&0x80 != 0 {
		return false
	}
	if f.length > longest || f.stream > highest || !f.valid() {
		return false
	}
	switch f.kind {
	case http2.FrameHeaders, http2.FrameContinuation:
		return f.length > 0 && (f.stream%2 == 1 || kind == Responses)
	case http2.FrameData:
		return (f.length > 0 || f.has(http2.FlagDataEndStream)) && (f.stream%2 == 1 || kind == Responses)
	case http2.FramePushPromise:
		return kind != Requests
	}
	return true
}
