// Package filter makes the networks of packet filter expressions valid: text
// in, text out.
//
// tcpdump refuses "net 192.168.0.0/12" with "non-network bits set", because
// 168 has bits behind the twelfth. ParseNetwork and FindNetworks read networks
// in every form that is met in practice and clear those bits; Normalise does
// the same inside a whole pcap-filter(7) expression and leaves every other byte
// of it as it was.
//
// The package evaluates no expression and knows no packet. It reads tokens as
// libpcap's scanner.l does (release 1.10) and follows the address qualifier
// (net, host, port) through and, or, not and parentheses as its grammar.y does,
// so it can tell a network from a division.
package filter
