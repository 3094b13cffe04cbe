// Package archtest holds the source tree to its own architecture: which package
// may import which, where gopacket may be used, and which files decide without
// touching the world outside.
//
// It has tests only. They read the source as text, so that files for other
// systems and build tags count too, and need no tool.
package archtest
