// Package algebra ties exchanges of which at least one side cannot be read: turn
// algebra. Two things are left on an encrypted leg, when who sent how much. On the other
// side of the proxy the same exchange has nearly the same lengths, a little later.
// Nothing else is used: no name, no port.
//
// An example. On eth0 a client's leg under mTLS has the turns (request 1,626 bytes,
// response 1,591), (1,630, 812), (1,626, 812); on lo the application's leg has (377,
// 853), (381, 74), (377, 74). The differences are 1,249, 1,249, 1,249 of requests and
// 738, 738, 738 of responses: the headers that the proxy takes off and adds. Had the
// second and third been exchanged, the differences would have been 1,253 and 1,245, which
// no other pair has. So the differences are learned from the capture itself: weigh the
// pairs with what is believed, learn from the result, again.
//
//   - Weights are how much likelier a difference or a delay is between exchanges that
//     belong together than between others (package odds), so that lengths which all have
//     in common say little.
//   - What frames the chunks of a body does not count (chunk.go).
//   - Pairings compete. A pair's probability is its share of the weight of all pairings in
//     which nothing is used twice (package assign).
//   - A pair is taken as true from 0.99 on, never with a difference of lengths that
//     nobody else has, never by time alone, and never where only delays tell it from
//     another one with the same lengths (tie.go). The rest is ambiguous, the likeliest
//     first.
//   - Of several that fit, the pools of the proxy may tell whose turn it was: what it
//     took is replayed (pool.go, package pooled).
//   - A saturated proxy answers identical requests in the order in which they came
//     (rank.go). Where both numbers, of requests and of responses, give the same pair and
//     most neighbours agree, it is taken, as far as can be measured in the capture that
//     this is right. Who cannot belong to the crowd is not counted.
//   - What is all that is left when everything else is tied is taken too (rival.go).
//   - Where bodies stream both ways, one exchange is several turns (segment.go).
//     Connections forwarded byte for byte are one item each (curve.go), also where these
//     bytes are an application's own TLS inside of that of proxies: Istio's say in ALPN
//     that they carry one connection each. Streams of HTTP/2
//     keep the order of their requests, which is weighed too (order.go, stream.go), and
//     need others that attest them (attest.go).
//   - Where too much goes on at once to compare everything, which differences are common is
//     learned from a sample, and candidates are looked up by length (candidate.go).
//
// Confidences are probabilities of this model; internal tests hold them against the truth
// of captures. Belief propagation was tried in place of permanents: on a single cycle it
// is sure of either answer.
package algebra
