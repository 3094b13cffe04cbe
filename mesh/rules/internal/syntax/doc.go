// Package syntax reads and writes the smallest parts of firewall rules: words and
// quotes as a shell and iptables-restore have them, numbers, marks, networks, and
// the names of protocols.
//
// It knows nothing of rules. Bytes go in; what is wrong with them comes out as an
// error that quotes them.
package syntax
