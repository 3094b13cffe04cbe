// Package odds learns what a proxy does to exchanges, and weighs others by it: by how
// many bytes it makes messages shorter (Shifts), and how long it takes (Delays). Both are
// counted twice, of pairs that belong together and of pairs that do not, each with the
// probability that it is so. What is asked is a ratio: how much likelier a difference or
// a delay is for the first than for the second. So what all have in common says little.
//
// Everything is learned from the capture at hand. The only numbers here say how much is
// believed before anything is learned; what is learned outweighs them.
//
// Nobody is his own witness: who asks says what he himself said when last was learned
// (Witness), and that is taken off.
package odds
