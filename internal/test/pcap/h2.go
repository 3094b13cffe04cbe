package pcap

import (
	"bytes"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// H2 makes the frames that one side of an HTTP/2 connection sends. Its methods
// return the bytes, to be given to Send or Reply.
type H2 struct {
	out, block bytes.Buffer
	framer     *http2.Framer
	fields     *hpack.Encoder
}

// NewH2 returns a side that has sent nothing yet.
func NewH2() *H2 {
	h := new(H2)
	h.framer = http2.NewFramer(&h.out, nil)
	h.framer.AllowIllegalWrites = true
	h.fields = hpack.NewEncoder(&h.block)
	return h
}

// taken returns what was written since the last call.
func (h *H2) taken(err error) string {
	must(err)
	s := h.out.String()
	h.out.Reset()
	return s
}

// Settings makes a SETTINGS frame.
func (h *H2) Settings() string {
	return h.taken(h.framer.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 100}))
}

// SettingsAck makes the answer to one.
func (h *H2) SettingsAck() string { return h.taken(h.framer.WriteSettingsAck()) }

// Preface makes what a client begins with.
func (h *H2) Preface() string { return http2.ClientPreface + h.Settings() }

// Headers makes a HEADERS frame from names and values by turns.
func (h *H2) Headers(stream uint32, end bool, fields ...string) string {
	h.block.Reset()
	for i := 0; i < len(fields); i += 2 {
		must(h.fields.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}))
	}
	return h.taken(h.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, EndStream: end, EndHeaders: true, BlockFragment: h.block.Bytes()}))
}

// Data makes a DATA frame.
func (h *H2) Data(stream uint32, end bool, data string) string {
	return h.taken(h.framer.WriteData(stream, end, []byte(data)))
}

// Reset makes a RST_STREAM frame.
func (h *H2) Reset(stream, code uint32) string {
	return h.taken(h.framer.WriteRSTStream(stream, http2.ErrCode(code)))
}
