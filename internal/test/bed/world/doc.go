// Package world makes the network of a scenario: namespaces as hosts, a node that
// routes between them, programs in them, and the captures at their interfaces.
//
// It knows neither meshes nor applications nor truth. It needs root, Linux and
// the Debian packages that Packages names; see Missing.
package world
