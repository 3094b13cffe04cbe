// Package packets reads the captures of the testbed: records, TCP packets and the
// streams that they carry, to hold a truth against them (Check) and to take
// packets out of them (Thin).
//
// It is a reader of the testbed's own, simple instead of fast, so that a truth
// is never checked by the product that it judges. It must not become a library
// for others: package capture is that.
package packets
