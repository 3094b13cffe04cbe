// Package arch holds the source tree to its own architecture: which package
// may import which, where gopacket may be used, which packages decide without
// touching the world outside, how large things may be, that comments begin with
// the name, that results are plain data, and that nothing shared changes.
//
// It has tests only. They parse the source, so that files for other systems and
// build tags count too; where types matter, they check those of Linux. They need
// no tool.
package arch
