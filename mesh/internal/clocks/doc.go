// Package clocks puts the times of all pods on one clock, as far as connections that
// several of them saw allow.
//
// Inputs of one pod come first. Mostly the kernel stamped all of them; but one may have
// been taken elsewhere, or rewritten. Those that share a point share a clock. Others that
// saw the same connections, or that another pod's capture ties, are corrected if they
// disagree by more than errors and noise explain. A proxy's crossing tells nothing of
// clocks, so that inputs which share no connection, as those of eth0 and lo, are taken to
// have one.
//
// Two pods may run on two hosts. A connection between them is found without looking at
// times: by both initial sequence numbers, and an end or the first timestamp; where
// these were not captured, by marks, packets that equal each other in all that no NAT
// changes (see index.Mark). Which of two pods is nearer the client is told by its clock
// alone: there an answer takes longer. From then on every packet that both saw bounds
// how far their clocks are apart, which is what internal/offset makes lines of.
//
// The pod whose clock counts is the first by name of those that are tied together. All
// that was read of the others is corrected, and what is read of them again; so whatever
// comes after this sees one clock. Pods that share nothing keep their own clocks, and
// nothing is joined between them by time (index.Index.Comparable); nor between pods whose
// connections contradict each other, so that no clocks fit them all.
package clocks
