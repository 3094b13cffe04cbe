// Package trace makes paths of links: each client's leg, the legs that carry it on behind
// the proxies, and the hops of every exchange.
//
// One path per client leg that is not itself the server side of a joined leg. A path
// points to what is told of it (flow.Path) and keeps, beside each hop, the step that it
// stands for. Behind a tunnel of which both ends were captured, what went in is matched
// with what came out (tunnel.go).
//
// # Tunnels
//
// A connection that goes into a tunnel is a path, and so is each that comes out of one
// from a client that was not captured: the tunnel is the leg before it. Where both ends
// were captured, equal contents make the two one path (package trace). A tunnel is no
// path of its own if nothing is left in it: no stream, or without keys no records but
// those of heads and of HTTP/2 itself. Otherwise it is written as captured, or with
// keys, as the streams that nobody claims.
package trace
