// Package read finds firewall rules in any text that people paste:
// iptables-save, iptables -S, iptables -L -n -v, command lines in logs and
// scripts, nft list ruleset, the arguments of Istio's init container.
//
// The form is told line by line, so a log that holds several is fine. A line of
// no form is passed over, but for what it says of the family of the next table.
// A line that has a form but cannot be used is told to the caller, and the rest
// is used.
//
// The forms of iptables are read here; nft's by package nft, arguments by package
// istio.
package read
