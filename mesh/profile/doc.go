// Package profile knows service meshes: where the parts of each listen, how its
// proxy shows in a capture, and which captures to take in its pods.
//
// A profile names what observed structure alone does not tell, such as which
// port is for health checks only. Structure comes first: a connection that looks
// redirected is, whatever its port.
//
// A new mesh is one function that returns its [Profile], with what tells it from
// the others, and its name in the list that [All] is made of. A mesh of one's own
// is a [Profile] like any other.
package profile
