// Package recorded is what is kept of the records that pods leave beside packets:
// conntrack entries, lines of access logs, sockets and firewall rules that touch
// what was captured. It knows no legs; passes of deciding place these on
// connections and exchanges.
//
// Rules are read before the captures, since they tell ports ([ReadRules]); the rest
// after ([Records.Read]), so that memory grows with what touches the captures and
// not with the records. Every entry names its file and line.
//
// Each kind of records has a file here, which says what is kept of it and how it is
// read; a row in mesh/record names it for people and flags.
package recorded
