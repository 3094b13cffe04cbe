// Package hbone ties what HBONE tunnels carry: connections inside CONNECT streams of
// HTTP/2 under mTLS, between ztunnels and waypoints.
//
// With keys each stream is read, and ties itself by what it carried. Without, a tunnel is
// measured from outside as a row of records, and each connection that may be in it as a
// row of bursts (burst.go); a connection is in the tunnel that has all of its bursts as
// records, in order and in time (cover.go). A tunnel is a conversation of its own only for
// what nobody else claims.
package hbone
