//go:build linux

package socket

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// InOrder puts the exchanges of an HTTP/2 connection into the order of their
// requests' HEADERS, as this end wrote or read them (RFC 9113 §8.1). What the
// end saw of an exchange is found by method, path and request id.
func (r *Record) InOrder() error {
	asked := r.asked()
	if len(asked) < len(http2.ClientPreface) {
		return nil
	}
	in := bytes.NewReader(asked[len(http2.ClientPreface):])
	f := http2.NewFramer(io.Discard, in)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	var ordered []Exchange
	for {
		at := int64(len(asked) - in.Len())
		frame, err := f.ReadFrame()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("frames from %v: %w", r.Local, err)
		}
		h, ok := frame.(*http2.MetaHeadersFrame)
		if !ok || h.PseudoValue("method") == "" {
			continue
		}
		e, err := r.exchangeOf(h)
		if err != nil {
			return err
		}
		e.Below = r.belowOf(at)
		ordered = append(ordered, e)
	}
	if len(ordered) != len(r.Exchanges) {
		return fmt.Errorf("%d requests, %d exchanges on record", len(ordered), len(r.Exchanges))
	}
	r.Exchanges = ordered
	return nil
}

// asked is all that the client sent, above TLS.
func (r *Record) asked() (all []byte) {
	log := &r.Turns
	if r.Plain != nil {
		log = &r.Plain.Turns
	}
	for _, t := range log.Turns {
		all = append(all, t.Request...)
	}
	return all
}

// exchangeOf finds the exchange that a request's HEADERS began.
func (r *Record) exchangeOf(h *http2.MetaHeadersFrame) (Exchange, error) {
	id := ""
	for _, f := range h.RegularFields() {
		if f.Name == "x-request-id" {
			id = f.Value
		}
	}
	method, path := h.PseudoValue("method"), h.PseudoValue("path")
	for _, e := range r.Exchanges {
		if e.Method == method && e.Target == path && e.RequestID == id {
			return e, nil
		}
	}
	return Exchange{}, fmt.Errorf("%s %s is not on record", method, path)
}

// belowOf returns where on the socket the write began that has an offset above
// TLS; nil if unknown.
func (r *Record) belowOf(above int64) *int64 {
	if r.Plain == nil || r.Server {
		return nil
	}
	for _, m := range slices.Backward(r.Plain.marks) {
		if m.above <= above {
			return &m.below
		}
	}
	return nil
}
