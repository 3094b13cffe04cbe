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
//     ztunnel cuts what it sends on by what one read gave it: a long burst is full records
//     and a rest, which tells (pieces.go). How rare it is that a connection is not found
//     whole in its tunnel is learned.
//   - A line of ztunnel's log of what left the pod (logged.go) names the connection and the
//     server of its tunnel: where one tunnel leads there, it decides. A line of what came in
//     (arrived.go) names the tunnel, and the connection by what it leads to, its bytes and
//     its time: where it can be of one tunnel's connections only, it decides.
//   - Nothing goes through of what was refused or denied, or was idle: without a log such a
//     connection is tied by time alone, to a tunnel that shows that a stream was asked for
//     and answered while it was there.
//
// What a pod calls itself by a service goes through a tunnel on loopback. What comes out of
// that looks like what the application calls past ztunnel: conntrack's mark, a line of the
// log or what went through tells it.
package hbone
