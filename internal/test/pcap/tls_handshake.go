package pcap

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"net/url"
	"slices"
	"time"
)

// maxPlain is the longest plaintext of a record (RFC 8446 §5.1).
const maxPlain = 1 << 14

// Lengths of messages with their headers of four bytes (RFC 8446 §4, RFC 5246
// §7.4), as crypto/tls sends them where implementations differ.
const (
	helloDoneLen    = 4
	endOfEarlyLen   = 4
	finished12Len   = 4 + 12
	noCertificate   = 4 + 1 + 3
	askLen          = 65
	clientKeyLen    = 4 + 1 + 32
	sessionTicket12 = 133
)

// handshake13 is that of RFC 8446 §2.
func (t *TLSConnection) handshake13() {
	t.clear(fromClient, t.clientHello())
	if t.EarlyData > 0 {
		t.changeCipherSpec(fromClient)
		t.data(fromClient, t.EarlyData)
	}
	t.flush(fromClient)
	if t.Retry {
		t.clear(fromServer, t.serverHello([]byte(retryRandom)))
		t.changeCipherSpec(fromServer)
		t.flush(fromServer)
		t.changeCipherSpec(fromClient)
		t.clear(fromClient, t.clientHello())
		t.flush(fromClient)
	}
	t.clear(fromServer, t.serverHello(t.random(32)))
	t.changeCipherSpec(fromServer)
	t.flight(fromServer, t.serverFlight()...)
	proves := t.Asked && !t.Resumed // crypto/tls waits with its ticket for what proves who the client is
	if t.Packing == PackGo && !proves {
		t.flight(fromServer, t.Tickets...)
	}
	t.flush(fromServer)
	t.changeCipherSpec(fromClient)
	t.flight(fromClient, t.clientFlight()...)
	t.flush(fromClient)
	switch {
	case t.Packing == PackBoringSSL:
		t.waiting = t.Tickets
	case t.Packing == PackOpenSSL || proves:
		t.flight(fromServer, t.Tickets...)
		t.flush(fromServer)
	}
}

// serverFlight returns the lengths of the messages that TLS 1.3 encrypts.
func (t *TLSConnection) serverFlight() []int {
	extensions := 4 + 2
	if len(t.ALPN) > 0 {
		extensions += 4 + 2 + 1 + len(t.ALPN[0])
	}
	if t.SNI != "" && !t.Resumed {
		extensions += 4
	}
	flight := []int{extensions}
	if !t.Resumed {
		if t.Asked {
			flight = append(flight, askLen)
		}
		flight = append(flight, certificateLen(t.Certificate), t.verifyLen())
	}
	return append(flight, t.finishedLen())
}

func (t *TLSConnection) clientFlight() (flight []int) {
	switch {
	case t.EarlyData > 0:
		flight = append(flight, endOfEarlyLen)
	case t.Resumed:
	case t.Mutual:
		flight = append(flight, certificateLen(t.ClientCertificate), t.verifyLen())
	case t.Asked:
		flight = append(flight, noCertificate)
	}
	return append(flight, t.finishedLen())
}

// certificateLen returns the length of a Certificate message of TLS 1.3 (RFC
// 8446 §4.4.2) with one certificate.
func certificateLen(der []byte) int { return 4 + 1 + 3 + 3 + len(der) + 2 }

// verifyLen returns the length of a CertificateVerify message.
func (t *TLSConnection) verifyLen() int { return 4 + 2 + 2 + t.signatureLen() }

// signatureLen returns the length of a signature. Of an ECDSA signature on
// P-256 each half has a byte more or less by chance.
func (t *TLSConnection) signatureLen() int {
	if t.Signature != 0 {
		return t.Signature
	}
	n := 70 + t.rnd.IntN(2) + t.rnd.IntN(2)
	if t.rnd.IntN(128) == 0 {
		n--
	}
	return n
}

// finishedLen depends on the hash of the suite (RFC 8446 §4.4.4).
func (t *TLSConnection) finishedLen() int {
	if t.Suite == 0x1302 { // AES-256-GCM with SHA-384
		return 4 + 48
	}
	return 4 + 32
}

// handshake12 is that of RFC 5246 §7.3, with ECDHE (RFC 8422), or of a
// resumed session (RFC 5077).
func (t *TLSConnection) handshake12() {
	t.clear(fromClient, t.clientHello())
	t.flush(fromClient)
	hello := t.serverHello(t.random(32))
	if t.Resumed {
		t.clear(fromServer, hello, t.message(4, sessionTicket12))
		t.finish12(fromServer)
		t.finish12(fromClient)
		return
	}
	messages := [][]byte{hello, t.certificate(t.Certificate), t.message(12, 4+36+4+t.signatureLen())}
	if t.Asked {
		messages = append(messages, t.message(13, 31))
	}
	t.clear(fromServer, append(messages, t.message(14, helloDoneLen))...)
	t.flush(fromServer)
	messages = nil
	switch {
	case t.Mutual:
		messages = append(messages, t.certificate(t.ClientCertificate))
	case t.Asked:
		messages = append(messages, []byte{11, 0, 0, 3, 0, 0, 0})
	}
	messages = append(messages, t.message(16, clientKeyLen))
	if t.Mutual {
		messages = append(messages, t.message(15, t.verifyLen()))
	}
	t.clear(fromClient, messages...)
	t.finish12(fromClient)
	if len(t.Tickets) > 0 {
		t.clear(fromServer, t.message(4, sessionTicket12))
	}
	t.finish12(fromServer)
}

func (t *TLSConnection) finish12(end int) {
	t.changeCipherSpec(end)
	t.sealed(end, 22, finished12Len)
	t.flush(end)
}

// certificate returns a Certificate message of TLS 1.2 with one certificate.
func (t *TLSConnection) certificate(der []byte) []byte {
	return message(11, vector(3, vector(3, der)))
}

// message returns a message of n bytes, header included, that nobody reads.
func (t *TLSConnection) message(kind uint8, n int) []byte { return message(kind, t.random(n-4)) }

// changeCipherSpec writes this record once.
func (t *TLSConnection) changeCipherSpec(end int) {
	if e := &t.ends[end]; !e.changed {
		e.changed = true
		t.record(end, 20, []byte{1})
	}
}

// clear writes messages of a flight in the clear.
func (t *TLSConnection) clear(end int, messages ...[]byte) {
	if t.Packing == PackBoringSSL {
		messages = [][]byte{slices.Concat(messages...)}
	}
	for _, m := range messages {
		for part := range slices.Chunk(m, maxPlain) {
			t.record(end, 22, part)
		}
	}
}

// flight writes encrypted messages of a flight, given their lengths.
func (t *TLSConnection) flight(end int, lengths ...int) {
	if t.Packing == PackBoringSSL {
		sum := 0
		for _, n := range lengths {
			sum += n
		}
		lengths = []int{sum}
	}
	for _, n := range lengths {
		for ; n > 0; n -= min(n, maxPlain) {
			t.sealed(end, 22, min(n, maxPlain))
		}
	}
}

// Certificate returns a certificate with the given URIs, DER. It is always the
// same for the same URIs, and nobody signed it but itself.
func Certificate(uris ...string) []byte {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	c := x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: start, NotAfter: start.Add(24 * time.Hour)}
	for _, u := range uris {
		parsed, err := url.Parse(u)
		must(err)
		c.URIs = append(c.URIs, parsed)
	}
	der, err := x509.CreateCertificate(rand.Reader, &c, &c, key.Public(), key) // Ed25519 needs no random bytes
	must(err)
	return der
}
