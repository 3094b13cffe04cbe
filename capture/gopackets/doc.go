// Package gopackets joins package capture and programs written against
// github.com/google/gopacket: a [Source] hands them the packets of a capture.Reader,
// decoded by the right link type, and a [Writer] writes classic pcap files with
// gopacket's own writer.
package gopackets
