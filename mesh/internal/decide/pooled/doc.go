// Package pooled asks which connection of its pool a proxy took (package pool), where
// lengths, delays and contents leave several exchanges.
//
// It shows the replay all exchanges of a crossing, and which may belong together. A pool
// is the connections that a proxy dials from one address to one server, by one name
// (SNI) and for one protocol (ALPN): two clusters, or two identities, have two. While
// packets of a connection may be missing nothing is asked, for what is missing may have
// been taken; nor where HTTP/2 is spoken behind the proxy, whose connections are never
// idle.
package pooled
