// Package align tells which records of an encrypted connection carry which messages that
// were seen elsewhere, from lengths, times and order alone.
//
// One connection carries the messages of many: each message goes into some record, in
// about the order in which the messages came, and a record holds one, several or none of
// them. A [Chain] is one direction of it. Its [Chain.Weigh] walks through messages and
// records side by side and adds up all ways in which the one may have gone into the
// other, forward and backward, as it is done for hidden Markov models (Rabiner 1989), so
// that what it says are probabilities of the whole, not of the best way alone.
//
//   - A record whose length several messages explain together is weighed like one that
//     one message explains.
//   - One message at a time may be overtaken, at a price that is learned.
//   - A message may have gone elsewhere, with a probability that the caller has from
//     elsewhere: other connections, the other direction.
//
// What the proxy adds to messages ([Sizes]) and how long it takes ([Delays]) is learned
// from what was weighed, and used to weigh again.
package align
