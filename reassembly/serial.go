package reassembly

// A serial is a TCP sequence number. Numbers are compared and subtracted modulo
// 2³² (RFC 9293 §3.4), so two of them have an order only while they are less
// than 2³¹ apart.
type serial uint32

// Less reports whether s comes before t.
func (s serial) Less(t serial) bool { return int32(s-t) < 0 }

// Sub returns s-t in bytes, negative if s comes before t.
func (s serial) Sub(t serial) int64 { return int64(int32(s - t)) }

// Add returns the sequence number n bytes after s; n may be negative and may
// be larger than 2³².
func (s serial) Add(n int64) serial { return s + serial(n) }

// near reports whether s and t are at most limit bytes apart in either direction.
func (s serial) near(t serial, limit int64) bool {
	d := s.Sub(t)
	return -limit <= d && d <= limit
}
