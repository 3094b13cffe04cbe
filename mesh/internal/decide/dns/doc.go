// Package dns makes lookups of DNS messages over UDP: which answer is of which
// query, for whom it was asked, and which conntrack entry tells whom.
//
// With DNS capture the application's queries are redirected to the mesh's agent and
// torn like connections: the query shows the agent, the answer the resolver. Client
// end, DNS id and question stand in for sequence numbers. An answer goes to who waits
// rather than to who has one, and to a query to its own sender rather than to one
// that a redirect may have torn off. What is redirected is the application's; what the
// pod asks the same server without redirect is the agent's or the proxy's, since
// nobody else can.
package dns
