package tls

import "bytes"

// Handshake messages (RFC 8446 §4, RFC 5246 §7.4).
const (
	messageClientHello        = 1
	messageServerHello        = 2
	messageNewSessionTicket   = 4
	messageCertificate        = 11
	messageServerKeyExchange  = 12
	messageCertificateRequest = 13
	messageServerHelloDone    = 14
	messageCertificateVerify  = 15
	messageClientKeyExchange  = 16
	messageCertificateStatus  = 22
	messageSupplementalData   = 23

	messageHeaderLen = 4
)

// maxMessage is the longest handshake message that is read; longer ones are
// passed over. It bounds what a half may make us keep.
const maxMessage = 1 << 16

// Facts is what the handshake of one half says in the clear. What TLS 1.3
// encrypts, which is all but the hellos, it cannot tell.
type Facts struct {
	Hello      Hello    // the last one: after a HelloRetryRequest the second
	Known      bool     // a hello was read; without it Hello is zero
	Retried    bool     // client: a second ClientHello came; server: a HelloRetryRequest came first
	Missing    bool     // bytes were lost: of the fields below, what is false or empty may be unseen
	Resumed    bool     // server: it chose a pre-shared key, or before TLS 1.3 went on without a certificate or key exchange
	Requested  bool     // server, before TLS 1.3: it asked for a client certificate
	Presented  bool     // before TLS 1.3: a Certificate message with at least one certificate came
	Identities []string // before TLS 1.3: the SPIFFE IDs (spiffe://...) of the certificate, at most 4
}

// A Handshake reads the handshake messages that one half shows in the clear
// (RFC 8446 §4, RFC 5246 §7.4), as fragments of its records: messages may be
// split over several and share one. It keeps at most one message. The zero
// Handshake is ready to use.
type Handshake struct {
	facts   Facts
	pending []byte // the message at hand: header and what has come of its body
	skip    int    // bytes of a message that is too long, still to come
	lost    bool   // the beginning of the next message is not known
	changed bool   // ChangeCipherSpec came
	done    bool
	fed     bool // a hello came by Feed
	more    bool // server: a message came that a resumed session does not have
}

// Reset makes h ready for another half. Facts given out stay valid.
func (h *Handshake) Reset() { *h = Handshake{pending: h.pending[:0]} }

// Done tells that the half shows nothing more in the clear: further fragments
// are not read.
func (h *Handshake) Done() bool { return h.done }

// Facts returns what was read so far. The slices are shared with later
// results, and never changed.
func (h *Handshake) Facts() Facts { return h.facts }

// Peek shows h the first bytes of the half. If it is never fed a whole hello,
// because the capture cut the packets short, Facts has what these bytes say.
func (h *Handshake) Peek(p []byte) {
	if h.facts.Known {
		return
	}
	if hello, ok := ParseHello(p); ok {
		h.facts.Hello, h.facts.Known = hello, true
	}
}

// Feed reads the fragment of the next handshake record. It does not keep p.
func (h *Handshake) Feed(p []byte) {
	if h.done || h.changed && !h.greets(p) {
		h.done = true
		return
	}
	if h.lost {
		if !tiles(p) {
			return
		}
		h.lost = false
	}
	for len(p) > 0 && !h.done {
		p = h.take(p)
	}
}

// Miss tells that bytes of handshake records, or records, are missing here.
func (h *Handshake) Miss() {
	if h.done {
		return
	}
	h.pending, h.skip, h.lost, h.facts.Missing = h.pending[:0], 0, true, true
}

// ChangeCipherSpec tells that a record of this type came. Before TLS 1.3
// everything after it is encrypted. In TLS 1.3 it says nothing, and only a
// hello may follow it in the clear, after a HelloRetryRequest (RFC 8446 §D.4).
func (h *Handshake) ChangeCipherSpec() {
	h.changed = true
	f := &h.facts
	if f.Known && !f.Hello.Client && !f.Hello.Retry && !h.done {
		f.Resumed = f.Resumed || !h.more && !f.Missing && f.Hello.Version < 0x0304
		h.done = true
	}
}

// greets reports whether the fragment of a record after ChangeCipherSpec begins
// with a hello in the clear. A client says hello again with the same random,
// a server only after a HelloRetryRequest: ciphertext cannot pass for either.
func (h *Handshake) greets(p []byte) bool {
	if len(h.pending) > 0 || h.skip > 0 { // what began as a hello goes on
		return true
	}
	f := &h.facts
	switch {
	case len(p) == 0:
		return true
	case !f.Known:
		return isHello(p[0]) && tiles(p)
	case f.Hello.Client:
		const at = messageHeaderLen + 2 // of the random
		return p[0] == messageClientHello && (len(p) <= at || bytes.HasPrefix(f.Hello.Random[:], p[at:min(len(p), at+len(f.Hello.Random))]))
	}
	return p[0] == messageServerHello && f.Hello.Retry
}

// take reads one message, or as much of it as there is, and returns the rest.
func (h *Handshake) take(p []byte) []byte {
	if h.skip > 0 {
		n := min(h.skip, len(p))
		h.skip -= n
		return p[n:]
	}
	if len(h.pending) == 0 && len(p) >= messageHeaderLen {
		if kind, n := messageHeader(p); len(p)-messageHeaderLen >= n { // in one piece: no copy
			end := messageHeaderLen + n
			h.message(kind, p[messageHeaderLen:end])
			return p[end:]
		}
	}
	return h.collect(p)
}

// collect adds to the message at hand, and reads it when it is whole.
func (h *Handshake) collect(p []byte) []byte {
	if k := messageHeaderLen - len(h.pending); k > 0 {
		k = min(k, len(p))
		h.pending, p = append(h.pending, p[:k]...), p[k:]
		if len(h.pending) < messageHeaderLen {
			return p
		}
	}
	kind, n := messageHeader(h.pending)
	if n > maxMessage {
		h.begin(kind)
		h.facts.Presented = h.facts.Presented || kind == messageCertificate // with so many bytes it is not empty
		h.pending, h.skip = h.pending[:0], n
		return p
	}
	k := min(messageHeaderLen+n-len(h.pending), len(p))
	h.pending, p = append(h.pending, p[:k]...), p[k:]
	if len(h.pending) == messageHeaderLen+n {
		h.message(kind, h.pending[messageHeaderLen:])
		h.pending = h.pending[:0]
	}
	return p
}

// begin notes that a message of the given kind comes.
func (h *Handshake) begin(kind uint8) {
	switch kind {
	case messageCertificate, messageServerKeyExchange, messageServerHelloDone:
		h.more = true
	case messageCertificateRequest:
		h.facts.Requested, h.more = true, true
	}
}

// message reads a whole message.
func (h *Handshake) message(kind uint8, body []byte) {
	h.begin(kind)
	switch f := &h.facts; kind {
	case messageClientHello, messageServerHello:
		h.hello(parseHello(kind, body, len(body)))
	case messageCertificate:
		if leaf, ok := firstCertificate(body); ok && !f.Presented {
			f.Presented, f.Identities = true, spiffeIDs(leaf)
		}
	}
}

// hello notes a hello; of both of a half the second counts.
func (h *Handshake) hello(hello Hello) {
	f := &h.facts
	f.Retried = f.Retried || h.fed
	f.Hello, f.Known, h.fed = hello, true, true
	if !hello.Client && !hello.Retry && hello.Version >= 0x0304 {
		f.Resumed, h.done = hello.PSK, true
	}
}

// messageHeader reads the kind and the length of a message, whose header p
// begins with.
func messageHeader(p []byte) (kind uint8, n int) {
	return p[0], int(p[1])<<16 | int(p[2])<<8 | int(p[3])
}

func isHello(kind uint8) bool { return kind == messageClientHello || kind == messageServerHello }

// inClear reports whether messages of a kind stand in the clear.
func inClear(kind uint8) bool {
	switch kind {
	case messageClientHello, messageServerHello, messageNewSessionTicket, messageCertificate,
		messageServerKeyExchange, messageCertificateRequest, messageServerHelloDone, messageCertificateVerify,
		messageClientKeyExchange, messageCertificateStatus, messageSupplementalData:
		return true
	}
	return false
}

// tiles reports whether messages that stand in the clear fill a fragment
// exactly, so that it surely begins with one.
func tiles(p []byte) bool {
	for len(p) >= messageHeaderLen {
		kind, n := messageHeader(p)
		if !inClear(kind) || n > len(p)-messageHeaderLen {
			return false
		}
		p = p[messageHeaderLen+n:]
	}
	return len(p) == 0
}
