package index

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// QUICPort is the UDP port where HTTP/3 is spoken: it has the number of HTTPS (RFC 9114
// section 3.1.1, an authority without alternative service).
const QUICPort = 443

// datagrams returns who takes the datagrams of the group: QUIC is counted, and what is
// sent at the other ports is looked at as DNS.
func (g *Group) datagrams(dnsPorts []uint16) func(*tcpip.Datagram) {
	g.QUIC = make(map[uint32]int)
	both := slices.Contains(dnsPorts, QUICPort)
	return func(d *tcpip.Datagram) {
		t := d.Tuple()
		switch quic := t.Src.Port() == QUICPort || t.Dst.Port() == QUICPort; {
		case !quic || both && !isQUIC(d.Bytes):
			g.DNS.take(d)
		case isQUIC(d.Bytes) && !d.Dup:
			g.QUIC[d.Ref.Input]++
		}
	}
}

// isQUIC reports whether a datagram begins as packets of QUIC do: with the fixed bit set,
// in both forms of the header (RFC 9000 sections 17.2 and 17.3).
func isQUIC(b []byte) bool { return len(b) > 0 && b[0]&0x40 != 0 }
