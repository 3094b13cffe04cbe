// Package graph is what deciding works on: legs with their exchanges, and the links
// between them. Passes add to it and weigh it; nothing here says what a leg is for.
//
// A connection seen at several points is one [Leg]: equal initial sequence numbers
// of both sides show it, if the time agrees and so does one end or the first
// timestamp; without SYN, sequence ranges and timestamps that cover each other. A
// leg points to what is told of it (flow.Leg), which others may keep when all else
// is gone. An [Exchange] points to its messages in the index; one that cannot be read
// has an [Outline] instead, made of lengths and times. A [Link] ties two exchanges,
// or whole legs, across one proxy.
//
// # Mutual TLS
//
// Whether a client proves who it is, is told without keys. Before TLS 1.3 its
// Certificate message is in the clear, and names it. In TLS 1.3 it is encrypted, but not
// its size: a client without certificate sends Finished, which has 36 or 52 bytes, or an
// empty list and Finished; whatever is longer has a certificate in it. How
// implementations pack messages into records does not matter for that. A resumed session
// shows neither; then the protocols that Istio's clients offer tell, or the leg that
// began the session.
package graph
