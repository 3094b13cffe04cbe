// Package capture reads and writes packet capture files.
//
// A [Reader] takes pcap and pcapng, plain or compressed with gzip, zstd or
// lz4, from a file or a pipe, and hands out one reused [Packet] after another.
// An [Input] is a capture that can be read more than once: a file, what a function
// opens, or a stream that is kept. A [Merger] puts several Readers in the order of
// their timestamps. A [Writer] writes pcapng.
//
//	r, err := capture.Open("eth0.pcap", nil)
//	if err != nil {
//		return err
//	}
//	defer r.Close()
//	for p, err := range r.Packets() {
//		if err != nil {
//			return err // every whole packet before the damage has been seen
//		}
//		fmt.Println(p.Ref.Packet, p.Time, len(p.Data))
//	}
//
// The package knows packets, not what is in them: package tcpip decodes them,
// and package linktype knows their link headers. It allocates nothing per
// packet, trusts no length in a file before the bytes are there, and prints
// nothing.
// Files of other kinds (snoop, ERF, ETL) are recognised at best by name.
package capture
