// Package streams ties exchanges to legs of HTTP/2 under TLS whose proxies write all that
// they have at once, as Envoy does: a record is what one turn of its loop had to send, and
// may hold the heads and bodies of several streams, or of none. (Where every frame has a
// record of its own, as with Go's proxies, package algebra knows more.)
//
// An example. On lo a client asks GET /a and POST /b with 145 bytes within 0.2 ms. 0.3 ms
// later a record of 317 bytes goes by on eth0. A head takes 58 bytes and its frame 9, as
// others show; 67 + 72 + 9 + 145 + 9 are 302. What is left, 15 bytes, is what a POST adds.
//
//   - Each lane, one connection of HTTP/2, is asked in both directions which messages
//     went into which of its records (package align): by lengths, times and the order in
//     which they came.
//   - What lanes and directions say of an exchange is combined, as in sums and products
//     over a graph: it went over one lane, and so did its response. A connection keeps its
//     worker, and a worker its lane, so where the others of its connection went is what is
//     believed beforehand (believe.go).
//   - Lengths and delays are learned from what was weighed, and used again (learn.go).
//   - What only the order tells is doubted: two requests that both waited may have changed
//     places, and a connection that was dialled for one may have served another (doubt.go).
//   - Where bodies come in pieces, lengths fit by chance; the more of the records nothing
//     explains, the less is said.
//
// Two pods that saw the same lane make out for themselves what is in its records. Agree
// compares what they can read.
package streams
