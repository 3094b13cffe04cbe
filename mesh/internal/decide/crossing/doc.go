// Package crossing has both sides of one proxy: the legs that came to it and the legs
// that it dialled ([Crossing]), and ties what ids, contents and times tie.
//
// For each exchange on the server's side, candidates are those on the client's side
// that enclose it in time, cause before effect, and do not contradict it: another
// request id, another request line, another body. They are looked up by id or request
// line and time (the [shelf]); nothing is compared with everything. Among several, one
// that is a better fit in every header that differs drives out the other.
//
// What is left is a graph, and the truth is a matching in it that covers as many
// exchanges of the server's side as can be covered, since each was caused by something.
// An edge that is in every such matching is forced: the capture determines it, and it
// becomes a join. Every other edge is ambiguous and is reported with its rivals. There is
// no score to tune: more evidence removes edges, so ambiguous can become joined, never
// right become wrong.
//
// That nothing else fits proves something only if everything else was captured. Where
// packets are missing, or a connection began before the capture, contents must agree
// that no other exchange has ([Trust]).
//
// Passes of other packages add links to the same board: see decide's join, which is the
// only list of them in order.
package crossing
