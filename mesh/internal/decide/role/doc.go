// Package role tells what a connection is for the mesh: who dialled whom. It knows
// pods ([Roster]): their addresses, whether a proxy is at work, what it dials, and
// which processes are its own.
//
// Observed structure comes first: 127.0.0.6 and ::6 sources, half-flows, loopback.
// Then the profile's ports, and firewall rules that were given, which beat the
// profile. Sockets and the proxy's log correct what structure leaves open. A role that
// only a join can confirm is tentative until joins are known ([Roster.Settle]).
package role
