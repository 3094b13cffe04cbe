// Package firewall asks the kernel what it makes of connections under firewall
// rules, which may be random ones: the oracle for whoever reads rules.
//
// It needs two namespaces of package world, and no mesh.
package firewall
