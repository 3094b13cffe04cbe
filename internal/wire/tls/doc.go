// Package tls reads TLS 1.0 to 1.3 (RFC 8446, RFC 5246) from one half of a
// connection. A [Scanner] is pushed the bytes of the half and finds its
// records, also after a gap. A [Handshake] takes the fragments of those that
// carry handshake messages in the clear and tells what they say: versions,
// names, resumption, certificates as far as TLS 1.2 shows them. With the secrets
// of a [KeyLog] a [Decrypter] opens the records.
//
// # Changes of keys, and losses
//
// This package opens records; it parses no handshake message to do so. TLS 1.3 changes
// keys after Finished, EndOfEarlyData and KeyUpdate, any of which may be missing in a
// capture. A record that does not open with the current key is tried with the ones after
// it, from number 0, and remembered. That costs one failed check for each change of keys
// and leaves no state that a lost message could spoil. Early data whose secret is not
// known is passed over the same way. After a loss the next record is tried with the
// numbers that may follow; how many bytes are opened in vain is bounded for each
// connection.
//
// What is missing becomes a gap. Where the header of a lost record was seen, its length
// is exact. Where headers were lost too, the number of the next record that opens says
// how many records there were, and so how many bytes were not plaintext. It also tells
// lost handshake messages from lost data, but not session tickets, which TLS 1.3 sends
// under the keys of data: then, and at the end of a stream, the length is a guess, and
// the stream is not compared by length. A record that does not authenticate is a gap
// too, and a note on the leg. If nothing of a half opens, the connection stays
// encrypted.
//
// Not read: CCM suites, 3DES, RC4, renegotiation, TLS 1.2 sessions resumed with a secret
// that is logged only under the random of their first connection.
package tls
