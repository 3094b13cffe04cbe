// Package walk follows one packet through the firewall rules of a pod, hook by
// hook and rule by rule, as the kernel does, and says what captures show of its
// connection.
//
//	t := walk.Walk(tables, walk.Packet{Tuple: tuple, Out: "eth0", UID: 1000, GID: 1000})
//	fmt.Println(t.Path(), t.Outcome, t.Dst)
//
// Where a match or target that is not known would matter, the walk stops and says
// which: it never guesses. What routing does is given by the caller, as the
// packet's interface. What the other side's firewall does is not known here.
package walk
