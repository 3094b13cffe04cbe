// Package conntrack reads what netfilter's connection tracking prints and keeps
// the table over time.
//
// In go the outputs of conntrack -L and -E with any -o, that is text, XML and the
// form of -o save, and /proc/net/nf_conntrack, one after the other or mixed, with
// prompts, prefixes and messages between. A [Reader] gives events; a [Table] makes
// spans of them: an entry and the time it lived.
//
// Names are conntrack's: the orig tuple is that of the first packet as it came to
// netfilter, before any rewriting; the reply tuple is what an answer looks like
// before it is rewritten back, so its source is who really answered. Of an entry
// that REDIRECT made, Reply.Src is the proxy's listener and Orig.Dst is where the
// client wanted to go.
//
// Formats are those of libnetfilter_conntrack (src/conntrack/snprintf_default.c and
// snprintf_xml.c), conntrack-tools (src/conntrack.c, ct_save_snprintf) and the
// kernel (net/netfilter/nf_conntrack_standalone.c, ct_seq_show).
//
// # Limits
//
// A unit (a line, or a flow's part of one) of more than 64 KiB is malformed. Tables of
// expectations are not read. Connection tracking never says when it printed a list;
// only -E -o timestamp, -o ktimestamp and XML have times.
package conntrack
