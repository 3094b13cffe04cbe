package http2

// LostFraming tells whether frame headers had to be looked for.
func (s *Scanner) LostFraming() bool { return s.epoch > 0 }
