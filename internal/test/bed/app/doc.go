// Package app has the applications of a scenario and their clients: HTTP/1.1,
// HTTP/2, gRPC, raw TCP and DNS, all on recorded sockets, and the scripts that
// clients follow.
//
// Nothing in it knows whether a mesh is between client and server.
package app
