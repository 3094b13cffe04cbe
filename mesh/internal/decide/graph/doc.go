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
package graph
