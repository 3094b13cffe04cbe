// Package conn makes connections of halves: which half answers which, who is the
// client, and which stray halves belong to a connection that NAT forgot.
//
// Halves are bound by numbers, never by ports. By the handshake where it was
// captured, else by windows of sequence and acknowledgement numbers that agree, and
// echoes of timestamps; conntrack helps where numbers leave a choice. Ports are
// looked at last: when two connections from one source port to two services meet
// at 127.0.0.1:15001, netfilter moves the port of the second, on one direction only.
// A half with several equally good answers stays alone.
//
// Without a SYN the direction is inferred, in this order: 127.0.0.6, half-flow
// shape, known servers, who sends requests, the lower port.
//
// # Strays
//
// After conntrack -F, or when an entry expires, packets of a redirected connection
// appear with an end that NAT did not rewrite: a FIN to the service address on eth0, an
// answer from POD:15006. They look like connections. It gives a conn without SYN to
// another conn of the pod if its numbers carry that one on, shares an end with it, and
// lies in its time. A stray opens no leg and no path; its packets are written with the
// conversation they belong to.
//
// So are the ACK of an earlier connection with which a server answers a SYN, and the
// reset that this ACK gets (RFC 5961), where the earlier connection was not captured.
package conn
