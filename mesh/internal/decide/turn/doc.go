// Package turn reads TLS from outside: plaintext lengths, handshakes and the turns of a
// leg that cannot be read. It finds exchanges in them; whom they belong to is weighed by
// package algebra.
//
// A TLS record's header gives its plaintext length exactly, so a leg is a sequence of
// turns: what a side sends without hearing more of the other in between, read off
// acknowledgement numbers. A [Side] is one direction: units in, lengths out. Where bytes
// are missing, the possible lengths are listed, each record less by its frame; where
// there are too many, the length is unknown and counts neither for nor against.
//
// The handshake is taken off. In TLS 1.3 the server's flight is what it sends before it
// has heard anything encrypted; the client's ends with Finished, whose length the suite
// tells, in a record of its own (OpenSSL, Go) or packed with the rest of the flight
// (BoringSSL). Tickets are told by coming before any data, or by lengths that recur at
// the beginning of connections to a server. What cannot be decided stays open: the first
// message then has several readings, each with its own length and time.
//
// HTTP/2 under TLS has no turns. Every record that may hold the head of a request stands
// for an exchange ([Multiplex]).
package turn
