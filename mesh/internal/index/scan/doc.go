// Package scan reads the halves of one group of inputs. A [Scan] is the consumer
// that reassembly hands bytes to; of every message it keeps where it stands, when
// it went by, and hashes; never its contents.
//
//   - HTTP/1 and HTTP/2 become messages: ranges, times, request line and id, the
//     header fields and bodies as fingerprints.
//   - TLS, and plaintext that a proxy may have encrypted, become units: how many
//     bytes were sent between two hearings of the other side. Turn algebra is made
//     of them.
//   - Anything else leaves a fingerprint of the whole stream.
//
// A snapshot length that cuts heads leaves only turns of plaintext (cut.go).
// Messages stand in chunks without pointers, linked by number, so that millions of
// them cost the garbage collector nothing.
package scan
