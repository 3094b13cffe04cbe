// Package hbone ties what HBONE tunnels carry: connections inside CONNECT streams of
// HTTP/2 under mTLS, between ztunnels and waypoints.
//
// With keys each stream is read, and ties itself by what it carried. Without, a tunnel is
// measured from outside as a row of records, and each connection that may be in it as a
// row of bursts (burst.go); a connection is in the tunnel that has all of its bursts as
// records, in order and in time (cover.go). A tunnel is a conversation of its own only for
// what nobody else claims.
//
// # Tunnels
//
// HBONE carries connections in CONNECT streams of one HTTP/2 connection over mTLS, port
// 15008. The tunnel is one leg, hbone, and kept out of all crossings: what looks like
// exchanges in it are turns of several connections. After the crossings, each connection
// that no other leg of the pod carries on is tied to a tunnel as a whole (hbone.go).
//
//   - With keys (stream.go) it has a stream with its bytes at its time, and on the
//     inbound side the stream's authority is what is dialled. On the outbound side it
//     need not be: a service may have been.
//   - Without keys (cover.go) its bursts tell. What a side sends before it hears from
//     the other goes through in one record, of its length and a frame's head, or in a
//     short run of records; in order, and between what it answers and what answers it.
//     That interval is read off the connection itself, so no delay has to be assumed. A
//     burst that is found weighs by how rare records of its length are among all
//     tunnels, and how few records are nearer; one that is not found weighs against.
//     Sure is what is a thousand times likelier than all others together; it takes its
//     records away from the rest, which is then weighed again. What goes on alike in
//     several tunnels stays ambiguous between them.
//   - A line of ztunnel's log (logged.go) leaves of the tunnels those to the server that
//     it names; where that is one, it decides.
package hbone
