package reassembly

// A Seq is a TCP sequence number. Numbers are compared and subtracted modulo
// 2³² (RFC 9293 §3.4), so two of them have an order only while they are less
// than 2³¹ apart.
type Seq uint32

// Less reports whether s comes before t.
func (s Seq) Less(t Seq) bool { return int32(s-t) < 0 }

// Sub returns s-t in bytes, negative if s comes before t.
func (s Seq) Sub(t Seq) int64 { return int64(int32(s - t)) }

// Add returns the sequence number n bytes after s; n may be negative and may
// be larger than 2³².
func (s Seq) Add(n int64) Seq { return s + Seq(n) }

// near reports whether s and t are at most limit bytes apart in either direction.
func (s Seq) near(t Seq, limit int64) bool {
	d := s.Sub(t)
	return -limit <= d && d <= limit
}
