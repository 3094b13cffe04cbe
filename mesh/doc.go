// Package mesh ties together the TCP connections that a service-mesh sidecar
// has torn apart, from captures alone.
//
// In go captures taken inside a pod (tcpdump on eth0 and lo, or on any). Out
// come legs, which are connections in their roles (client to proxy, proxy to
// application, application to proxy, proxy to server), joins of legs with the
// evidence for each, and paths: conversations from the client's end to the
// server's with their exchanges. A path can be read back as the bytes both ends
// sent, and all of them can be written as one capture in which every
// conversation is an ordinary TCP stream.
//
//	r, err := mesh.Stitch(ctx, []mesh.Input{{Name: "eth0.pcap"}, {Name: "lo.pcap"}}, nil)
//	if r == nil {
//		return err
//	}
//	defer r.Close()
//	if err != nil {
//		log.Print(err) // of inputs that were read only in part
//	}
//	_, err = r.WriteFile(ctx, "stitched.pcapng", nil)
//
// # How
//
// Three steps stand below this package. Index reads the inputs and keeps, of every
// half, where its messages stand, when they went by and hashes that tell them
// from others, never their contents; what was misread, or can be decrypted
// ([Options.KeyLogs]), it reads again. Decide is pure: halves are bound to
// connections by their sequence numbers, connections get roles from what the
// structure of a mesh shows, and exchanges on both sides of a proxy are matched
// by request ids, contents and times, where one side is encrypted by the lengths
// of their turns. Emit reads the inputs again and writes.
//
// Who is the client of a connection that began before the capture is inferred, in this
// order: 127.0.0.6, the shape of half-flows, known servers, who sends requests, the lower
// port. Its leg says so.
//
// # What it does not claim
//
// A join has evidence and a confidence. Where no readable byte, no id and no
// order tells exchanges apart, the join is ambiguous and names its rivals; it is
// then never used as if it were known. The same inputs give the same result,
// byte for byte.
package mesh
