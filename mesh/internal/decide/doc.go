// Package decide runs the passes that find out what the index means, and is the only list
// of them in order. Everything below it is pure: no file, no clock, no goroutine, and
// asking a question changes nothing; the same index always gives the same result.
//
//	conn      halves → connections           (before, as Index reads again what was misread)
//	dns       messages → lookups
//	graph     connections → legs, exchanges; log lines → the legs they name
//	role      legs → who dials whom for the mesh
//	crossing  both sides of one proxy: ids, contents, times
//	turn      TLS from outside
//	algebra   lengths and delays → probabilities → links
//	logged    log lines → exchanges
//	hbone     what tunnels carry
//	trace     links → paths
//	plan      paths → what is written
package decide
