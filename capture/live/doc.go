// Package live captures packets from an interface of this host, on Linux, as
// capture.Reader hands out those of a file. On other systems it is empty.
//
// It reads AF_PACKET through pcapgo, without libpcap, and needs CAP_NET_RAW.
package live
