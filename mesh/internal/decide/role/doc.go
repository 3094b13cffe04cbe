// Package role tells what a connection is for the mesh: who dialled whom. It knows
// pods ([Roster]): their addresses, whether a proxy is at work, what it dials, and
// which processes are its own.
//
// Observed structure comes first: 127.0.0.6 and ::6 sources, half-flows, loopback.
// Then the profile's ports, and firewall rules that were given, which beat the
// profile. Sockets and the proxy's log correct what structure leaves open. A role that
// only a join can confirm is tentative until joins are known ([Roster.Settle]).
//
// # Structure
//
// Structure comes first: 127.0.0.6 and ::6 only ever dial the application; a half-flow's
// client is the pod; nobody but a redirect lets a pod speak to 127.0.0.1 under its own
// address. The profile's ports come second, so a proxy on other ports is found too. What
// has no counterpart where one must have been seen passed by the proxy: direct, unless
// something shows the proxy's part in it, or it may wait there (touched.go). The
// agent's own probes of the application come from 127.0.0.6 as well; they are tied to
// the kubelet's request and kept from other matching.
//
// # Gateways
//
// A gateway has no redirect and no loopback leg. Its address is the one common to all
// connections; where its interface shows other traffic too, it is the address that is
// dialled and dials, and with the cluster's networks known the one that is dialled from
// outside and dials inside, or the two of which one does this and the other that
// (gateway.go). A gateway writes its client's address into x-forwarded-for, which limits
// whose request one behind it can be; where that client has one connection only, it
// proves it (package crossing).
//
// # Ambient and TPROXY
//
// Both let the proxy dial the application from the address of its client, with a port of
// its own: CLIENT:e3 > POD:A on lo. A stranger that dials the pod over loopback is shape
// enough for the role, whatever the profile (source.go). The port says nothing, but the
// address does: such a leg is compared only with client legs from there. Under TPROXY
// the proxy may also come from 127.0.0.6, or dial 127.0.0.1 from the client's address.
// All three are accepted. Which of them a kernel shows depends on the owner of the
// proxy's sockets: as user 1337 nat OUTPUT redirects a borrowed source to 15006; as
// another user of group 1337 it passes, since "not user 1337: RETURN" stands before the
// rules for the group. The testbed does the latter. Probes from 169.254.7.127 pass by
// ztunnel and are direct.
package role
