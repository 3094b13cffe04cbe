// Package tls reads what TLS says in the clear: the hello messages that open a
// connection (RFC 8446 §4.1, RFC 5246 §7.4.1). It takes the first bytes of a
// half, as many of them as there are, and returns facts. It decrypts nothing.
package tls
