// Package index is all that was read: what pass 1 found in every half, and what
// reading some of them again put in its place. It reads; it decides nothing.
//
// The unit is the half: iptables REDIRECT shows the two directions of one
// connection under different tuples, so halves are read alone, and may be bound
// to their answers while reading, or when deciding, or never. A number names a
// half across groups of inputs ([HalfNo]); a [Pair] is two halves of which it is
// known by now that they are one connection.
//
// Some halves are read again once pairs are known. TLS for which there are keys
// ([Decrypt]): keys and parameters may come after the records. Halves read with a
// wrong idea of the other side ([Reread]): the answer to HEAD announces a body
// and has none, and who speaks HTTP/2 shows that the other does. What was found
// then takes the place of what pass 1 found.
package index
