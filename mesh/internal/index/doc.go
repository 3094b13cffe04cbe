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
//
// # TLS with keys
//
// Secrets come from key logs (--keylog, NSS format) and from the secrets blocks of
// pcapng inputs. They and the parameters of a connection may be read after its records,
// and its halves may be bound only at the end. So nothing waits: after binding, the
// halves of every connection whose two hellos and secrets are known are read again,
// through one layer between assembler and scanners (unseal.go), and what is found takes
// the place of what pass 1 found. Rebuilding and follow put the same layer in front of
// theirs. Everything above it counts plaintext bytes; plaintext.go leads back: an
// acknowledgement number on the wire to the plaintext its sender had, a plaintext range
// to the whole records that carry it. A torn leg is nothing special: the layer sees
// halves.
//
// The first payload of raw TCP between Istio's proxies may be their metadata exchange
// (metadata.go). It is taken off, and offsets count after it.
//
// # Groups
//
// Inputs of one pod are one group: they share points and loopback addresses, and --pod
// NAME=FILE,FILE makes further groups. Groups are indexed independently, in parallel,
// and numbered in the order given, so that results do not depend on timing. Within a
// group one goroutine reads: halves of one connection are on two interfaces, and time
// order across files is what makes them meet.
//
// # Memory
//
// Per packet 4 bytes; per half under 200; per lookup of a name under 1,000; per message
// under 200 plus its request line. Values stand in chunks of fixed length without
// pointers, which the garbage collector does not follow and growth does not copy. Bodies
// are skipped unread: a consumer says how many bytes it does not want. flows keeps no
// input; stitch and follow keep a pipe or a compressed file in a temporary file that has
// no name, because they read again. bench/run measures.
package index
