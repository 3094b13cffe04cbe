package scan

import "github.com/pcapmesh/pcapmesh/reassembly"

// Correct puts right all times that were read: of returns the clock of a half, nil if it
// needs none. 0 stays 0: it stands for none.
func (s *Scan) Correct(of func(reassembly.HalfID) func(int64) int64) {
	for i := 1; i < s.Contents.Len(); i++ { // 0 is no half
		if clock := of(reassembly.HalfID(i)); clock != nil {
			s.correct(s.Contents.At(uint32(i)), clock)
		}
	}
}

// correct puts right the times of one half.
func (s *Scan) correct(c *Content, clock func(int64) int64) {
	fix := func(ts ...*int64) {
		for _, t := range ts {
			if *t != 0 {
				*t = clock(*t)
			}
		}
	}
	fix(&c.Adrift.From, &c.Adrift.To, &c.Data.Nanos, &c.LastNanos)
	for i := c.first; i != 0; {
		m := s.messages.At(i)
		fix(&m.From.Nanos, &m.To.Nanos)
		i = m.Next
	}
	if c.Turns == 0 {
		return
	}
	for i := s.Turns.At(c.Turns).First; i != 0; {
		u := s.Units.At(i)
		fix(&u.At.Nanos, &u.Until)
		i = u.Next
	}
}
