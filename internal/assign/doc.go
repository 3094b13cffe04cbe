// Package assign answers who belongs to whom, as mathematics. It knows nothing
// of connections.
//
//   - [Match] finds a maximum matching of two sides and says which of its edges
//     are in every one (A. L. Dulmage and N. S. Mendelsohn, 1958): those are
//     forced, whatever else is true.
//   - [Graph.Marginals] turns weights of edges into probabilities: which share of
//     the weight of all matchings lies on those with that edge. A small part is
//     summed up exactly (a ratio of permanents); a large one is scaled until the
//     probabilities of each item add up to one (R. Sinkhorn, 1964), which errs
//     towards doubt.
//   - [Align] pairs two lists in their order, as many as fit, and says which pairs
//     no other alignment as good lacks.
//
// All are deterministic, and bounded: what is too much to compute is left in
// doubt.
package assign
