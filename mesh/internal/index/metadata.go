package index

import "encoding/binary"

// A metadata passes over the message in which Istio's proxies tell each other
// who they are, before any payload of raw TCP (ALPN istio-peer-exchange): 3D 23
// 04 67, a length of four bytes, and as many bytes of protobuf (istio/proxy,
// metadata_exchange_initial_header.h).
type metadata struct {
	begun bool   // it has been passed, or there is none
	head  []byte // what has come of the first eight bytes
	left  int64  // bytes of the message still to come
}

const (
	metadataMagic   = "\x3d\x23\x04\x67"
	metadataHeadLen = 8
	maxMetadata     = 1 << 20 // bytes; real ones have a few hundred
)

// strip returns what is payload of p, with bytes before it that were held back.
func (m *metadata) strip(p []byte) []byte {
	if !m.begun {
		if p = append(m.head, p...); !m.greets(p) {
			return p
		}
	}
	k := min(m.left, int64(len(p)))
	m.left -= k
	return p[k:]
}

// greets reports whether p, the first payload, is such a message as far as it
// goes, and notes how long it is once that is known.
func (m *metadata) greets(p []byte) bool {
	k := min(len(p), len(metadataMagic))
	m.begun = len(p) >= metadataHeadLen || string(p[:k]) != metadataMagic[:k]
	if string(p[:k]) != metadataMagic[:k] {
		return false
	}
	m.head, m.left = p, int64(len(p))
	if !m.begun {
		return true
	}
	if m.left = metadataHeadLen + int64(binary.BigEndian.Uint32(p[len(metadataMagic):])); m.left > maxMetadata {
		m.left = 0
	}
	return m.left > 0
}

// end returns what was held back: no such message comes any more.
func (m *metadata) end() []byte {
	if m.begun {
		return nil
	}
	m.begun, m.left = true, 0
	return m.head
}
