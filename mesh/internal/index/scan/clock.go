package scan

// Correct puts right all times that were read. 0 stays 0: it stands for none.
func (s *Scan) Correct(clock func(int64) int64) {
	fix := func(ts ...*int64) {
		for _, t := range ts {
			if *t != 0 {
				*t = clock(*t)
			}
		}
	}
	for i := range uint32(s.Contents.Len()) {
		c := s.Contents.At(i)
		fix(&c.Adrift.From, &c.Adrift.To, &c.Data.Nanos, &c.LastNanos)
	}
	for i := range uint32(s.messages.Len()) {
		m := s.messages.At(i)
		fix(&m.From.Nanos, &m.To.Nanos)
	}
	for i := range uint32(s.Units.Len()) {
		u := s.Units.At(i)
		fix(&u.At.Nanos, &u.Until)
	}
}
