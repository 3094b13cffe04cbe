// Package draft makes tables and rules, for whoever reads or generates some.
//
// A [Table] finds its chains by name and makes those of iptables base chains. A
// [Builder] makes rules with few allocations: the parts of many rules lie side by
// side in slabs, and names are shared. [Builder.Options] reads a rule as iptables
// has it, "-p tcp --dport 80 -j RETURN", which all forms but nft's come down to.
//
// It opens no files and knows no form of a text as a whole.
package draft
