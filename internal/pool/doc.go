// Package pool tells look-alikes apart by how a proxy takes connections from its pools.
//
// Envoy has a pool of upstream connections for each worker. A client's connection
// belongs to one worker for life. Of idle connections a worker takes the one that became
// idle last, and it dials or waits only if none is idle. So what happened to the
// connections of one worker can be replayed, and what would break the rules did not
// happen:
//
//   - Ties that are certain otherwise unite client connections and upstream connections
//     in parts (part.go). A part is some of what one worker did; how many workers there
//     are is never assumed. Two parts are of two workers only if the rules hold in each
//     and are broken where they are taken as one.
//   - A request is not on a connection that was idle when it came, if another one of the
//     part was idle that became idle later; nor on one that was busy, if another one was
//     idle (rule.go).
//   - What is left of a request's candidates alone is tied, which may leave others with
//     one, until nothing changes (replay.go).
//
// It adds no candidates, and proves nothing. How often the rules are broken is measured
// on the ties that are certain otherwise, each as if it were open. So nobody needs to say
// which proxy it is: one that takes the connection that is idle longest breaks the first
// rule all the time, and then nothing is decided.
//
// A rule knows only what was captured. A span of time in which requests and what was
// asked upstream differ in number is not replayed: somebody was not captured, or
// something was tried again (span.go). Without this rule, with a tenth of the clients left out,
// every tenth decision was false.
//
// Source: Envoy's ConnPoolImplBase, which puts a connection that is ready at the front of
// its list of ready clients and takes from the front (source/common/conn_pool).
package pool
