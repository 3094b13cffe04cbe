// Package dns makes lookups of DNS messages over UDP: which answer is of which
// query, for whom it was asked, and which conntrack entry tells whom.
//
// With DNS capture the application's queries are redirected to the mesh's agent and
// torn like connections: the query shows the agent, the answer the resolver. Client
// end, DNS id and question stand in for sequence numbers.
//
// # In steps
//
//   - package tcpip decodes datagrams of the ports of DNS, in a decoder of its own
//     that is asked only about packets that are no segment: TCP pays nothing, and
//     fragments of UDP drive out none of TCP.
//   - package index (dns.go) keeps ids, questions and at most 32 records of an answer. Names
//     are kept once. What is no DNS message is counted and copied like other packets.
//   - pair.go makes lookups: a query until it is answered, sent once or more often. An
//     answer goes to who waits rather than to who has one, and to a query to its own
//     sender rather than to one that a redirect may have torn off. An id may come again
//     after an answer or after 30 s, glibc's longest timeout. Where NAT had to move the
//     port of a second query (two servers asked from one port at once, as musl does),
//     client, id and question tie it, if nothing else has these.
//   - role.go: what is redirected is the application's. What the pod asks the same
//     server without redirect is the agent's or the proxy's, since nobody else can; it
//     is upstream of the application's lookup that waits with the same question. At
//     another server the id, which Istio's agent keeps, must agree too.
//   - package emit (dns.go) writes every lookup without its redirect. Whom the client asked is told by
//     the answer alone; where that is missing, conntrack may know (nat.go), else the
//     query is written as captured. Conntrack also has the agent's own queries in a zone
//     apart. Streams are not counted by it.
//
// A lookup that several points show is one, like a leg. Package decide (names.go) collects what addresses
// are called: what was asked for in DNS rather than the end of a CNAME chain, server
// names of TLS, Host and :authority. The most frequent one wins, then the first.
package dns
