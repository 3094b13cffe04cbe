// Package tls reads TLS 1.0 to 1.3 (RFC 8446, RFC 5246) from one half of a
// connection. A [Scanner] is pushed the bytes of the half and finds its
// records, also after a gap. A [Handshake] takes the fragments of those that
// carry handshake messages in the clear and tells what they say: versions,
// names, resumption, certificates as far as TLS 1.2 shows them. With the secrets
// of a [KeyLog] a [Decrypter] opens the records.
package tls
