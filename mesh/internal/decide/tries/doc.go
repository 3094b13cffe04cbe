// Package tries ties, at one proxy, what the proxy sent more than once: attempts that
// came to nothing, and copies whose answers nobody got.
//
// A connection that was refused says nothing of whom it was dialled for, but somebody
// waited for a server then ([Waiters]). It belongs to whoever is the only one, or the only
// one that was answered, or asked, at that time ([JoinRefused]). Of exchanges that cannot
// be read, what is left when all else is tied is an earlier attempt if it asks as much as
// the one that answered, and before it
// ([JoinAttempts]). Where a proxy mirrors requests, the legs with the copies are set apart
// first, so that they do not compete with what answered ([SetCopiesApart]), and their
// exchanges are tied to those of which they are copies last ([JoinCopies]).
package tries
