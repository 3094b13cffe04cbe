package http2

// maxLengths bounds the message lengths that are kept of one stream.
const maxLengths = 64

// grpcPrefix is the length of what precedes each gRPC message: one byte that
// reports whether it is compressed, four of its length, big endian (gRPC over
// HTTP2, "Length-Prefixed-Message").
const grpcPrefix = 5

// A grpcReader counts the gRPC messages in a body. They do not heed the
// boundaries of DATA frames.
type grpcReader struct {
	left    int64 // bytes to come of the message at hand
	count   int
	lengths []uint32
	prefix  [grpcPrefix]byte
	have    uint8 // bytes of prefix
	found   bool  // the body is gRPC
	lost    bool  // where messages begin is not known any more
}

// want returns how many of the next bytes need not be seen.
func (g *grpcReader) want() int64 {
	if !g.found || g.lost {
		return 1<<63 - 1
	}
	return g.left
}

// write takes the next bytes of the body.
func (g *grpcReader) write(p []byte) {
	for len(p) > 0 && g.found && !g.lost {
		if g.left > 0 {
			k := min(g.left, int64(len(p)))
			g.left -= k
			p = p[k:]
			continue
		}
		k := copy(g.prefix[g.have:], p)
		g.have += uint8(k)
		p = p[k:]
		if g.have == grpcPrefix {
			g.begin()
		}
	}
}

// begin begins a message with the prefix at hand.
func (g *grpcReader) begin() {
	g.have = 0
	if g.prefix[0] > 1 {
		g.lost = true
		return
	}
	n := uint32(g.prefix[1])<<24 | uint32(g.prefix[2])<<16 | uint32(g.prefix[3])<<8 | uint32(g.prefix[4])
	g.left = int64(n)
	g.count++
	if len(g.lengths) < maxLengths {
		g.lengths = append(g.lengths, n)
	}
}

// skip passes over n bytes of the body that are not seen.
func (g *grpcReader) skip(n int64) {
	if n > g.left {
		g.lost = true
	}
	g.left -= min(n, g.left)
}
