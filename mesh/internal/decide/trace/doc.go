// Package trace makes paths of links: each client's leg, the legs that carry it on behind
// the proxies, and the hops of every exchange.
//
// One path per client leg that is not itself the server side of a joined leg. A path
// points to what is told of it (flow.Path) and keeps, beside each hop, the step that it
// stands for. Behind a tunnel of which both ends were captured, what went in is matched
// with what came out (tunnel.go).
package trace
