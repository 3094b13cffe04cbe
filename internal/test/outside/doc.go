// Package outside uses pcapmesh as programs of others do: from a module of its own,
// with nothing but what is public. What no example shows is used here. TestOutside in
// internal/test/arch runs it.
package outside
