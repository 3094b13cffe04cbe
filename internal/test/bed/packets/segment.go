package packets

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// segment is one TCP packet of a capture.
type segment struct {
	loopback      bool
	src, dst      netip.AddrPort
	seq           uint32
	syn, ack, fin bool
	rst           bool
	data          []byte
}

var errNotTCP = errors.New("not TCP")

// decode reads Ethernet, SLL and SLL2 (LINKTYPE_ 1, 113, 276) up to TCP.
func decode(r record) (segment, error) {
	be := binary.BigEndian
	var s segment
	head, proto := 14, 12
	switch {
	case r.link == 113 && len(r.data) >= 16:
		head, proto = 16, 14
		s.loopback = be.Uint16(r.data[2:]) == 772 // ARPHRD_LOOPBACK
	case r.link == 276 && len(r.data) >= 20:
		head, proto = 20, 0
		s.loopback = be.Uint32(r.data[4:]) == 1 // lo's ifindex in every namespace
	case r.link == 1 && len(r.data) >= 14:
		s.loopback = [12]byte(r.data[:12]) == [12]byte{}
	default:
		return s, errNotTCP
	}
	kind, ip := be.Uint16(r.data[proto:]), r.data[head:]
	switch {
	case kind == 0x0800 && len(ip) >= 20 && ip[9] == 6:
		end := min(len(ip), int(be.Uint16(ip[2:])))
		return s.tcp(netip.AddrFrom4([4]byte(ip[12:])), netip.AddrFrom4([4]byte(ip[16:])), ip[int(ip[0]&15)*4:end])
	case kind == 0x86DD && len(ip) >= 40 && ip[6] == 6:
		end := min(len(ip), 40+int(be.Uint16(ip[4:])))
		return s.tcp(netip.AddrFrom16([16]byte(ip[8:])), netip.AddrFrom16([16]byte(ip[24:])), ip[40:end])
	}
	return s, errNotTCP
}

func (s segment) tcp(src, dst netip.Addr, t []byte) (segment, error) {
	be := binary.BigEndian
	if len(t) < 20 || len(t) < int(t[12]>>4)*4 {
		return s, errNotTCP
	}
	s.src = netip.AddrPortFrom(src, be.Uint16(t))
	s.dst = netip.AddrPortFrom(dst, be.Uint16(t[2:]))
	s.seq, s.data = be.Uint32(t[4:]), t[int(t[12]>>4)*4:]
	s.fin, s.syn, s.rst, s.ack = t[13]&1 != 0, t[13]&2 != 0, t[13]&4 != 0, t[13]&16 != 0
	return s, nil
}

// way is a directed tuple at a point.
type way struct {
	point    string
	src, dst netip.AddrPort
}

// life is what one incarnation of a way carried.
type life struct {
	first   uint32 // sequence number of the SYN, or of the first packet seen
	syn     bool
	reply   bool // its SYN came with an ACK
	segs    []segment
	packets int
}

// ways collects the TCP packets of captures by way and incarnation.
type ways map[way][]*life

func (m ways) add(point string, s segment) {
	k := way{point, s.src, s.dst}
	lives := m[k]
	if len(lives) == 0 || s.syn && lives[len(lives)-1].first != s.seq {
		lives = append(lives, &life{first: s.seq, syn: s.syn, reply: s.syn && s.ack})
		m[k] = lives
	}
	l := lives[len(lives)-1]
	l.packets++
	if len(s.data) > 0 {
		l.segs = append(l.segs, s)
	}
}

// tally puts the bytes in order; ok is false if some are missing.
func (l *life) tally() (t truth.Tally, ok bool) {
	base := l.first
	if l.syn {
		base++
	}
	slices.SortStableFunc(l.segs, func(a, b segment) int { return int(int32(a.seq-base)) - int(int32(b.seq-base)) })
	sum := sha256.New()
	for _, s := range l.segs {
		at := int64(int32(s.seq - base))
		if at > t.Bytes {
			return t, false
		}
		if skip := t.Bytes - at; skip < int64(len(s.data)) {
			sum.Write(s.data[skip:])
			t.Bytes += int64(len(s.data)) - skip
		}
	}
	t.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return t, true
}
