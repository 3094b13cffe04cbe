// Package socket records what an application wrote and read on its sockets: bytes,
// turns and HTTP exchanges, above TLS too.
//
// The records are what truth is made of. The package neither speaks a protocol
// nor decides what a record means.
package socket
