// Package fingerprint compares contents (bodies, raw streams) without keeping
// them. A content's [Print] is its exact length and 64-bit hashes of 64-byte
// windows at fixed offsets: at 0, at every 16 KiB up to 1 MiB, and the last 64
// bytes. Only these windows need to be seen, so that most of a large body can
// be passed over unread, and a hole in the capture costs a print only the
// windows it touches.
//
// Equal prints mean equal windows, not equal contents: two versions of a large
// file that differ between the windows look alike.
package fingerprint
