package logged

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// Rules of single lines and exchanges are tested with values made by hand.

// texts holds what messages made by hand say.
var texts = scan.New(new(reassembly.Table), nil)

// legFrom makes a leg.
func legFrom(src, dst string) *graph.Leg {
	l := &graph.Leg{Leg: &flow.Leg{Orig: tcpip.Tuple{Proto: tcpip.ProtoTCP, Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst)}}, Conn: new(conn.Conn)}
	l.Start, l.End = capture.Time(ms(0)), capture.Time(ms(100_000))
	return l
}

// exchangeOn adds an exchange to a leg, asked and answered at once: "GET /a 200 id",
// where - in place of the request or of the status is not captured. The leg must have
// room.
func exchangeOn(l *graph.Leg, what string, at, end float64) *graph.Exchange {
	e := graph.Exchange{Leg: l, No: len(l.Exchanges), Scan: texts, RespScan: texts, Floor: int64(l.Start)}
	words := strings.Fields(what)
	if words[0] != "-" {
		e.Req = &scan.Message{Flags: scan.MsgRequest | scan.MsgComplete, From: instant(at), To: instant(at),
			Method: texts.Text.Keep([]byte(words[0])), Target: texts.Text.Keep([]byte(words[1]))}
		words = words[1:]
	}
	if words[1] != "-" {
		e.Resp = &scan.Message{Flags: scan.MsgComplete, From: instant(end), To: instant(end)}
		fmt.Sscan(words[1], &e.Resp.Status)
	}
	if len(words) > 2 {
		e.Req.ID = texts.Text.Keep([]byte(words[2]))
	}
	if l.Exchanges == nil {
		l.Exchanges = make([]graph.Exchange, 0, 16)
	}
	l.Exchanges = append(l.Exchanges, e)
	return &l.Exchanges[e.No]
}

func instant(at float64) scan.Instant { return scan.Instant{Nanos: ms(at)} }

// exchange makes an exchange on a leg of its own.
func exchange(what string, at, end float64) *graph.Exchange {
	return exchangeOn(legFrom(clientEnd(0), service), what, at, end)
}

// outlined makes e one that cannot be read.
func outlined(e *graph.Exchange, o graph.Outline) *graph.Exchange {
	e.Outline = &o
	return e
}

// entry reads a line of the log.
func entry(t *testing.T, l line) *logEntry {
	t.Helper()
	return entries(t, l)[0]
}

// beside is the capture beside which entries are read, made once: four clients whose
// legs are there as long as any test.
var beside *index.Index

// entries reads lines of one log, whatever else was captured.
func entries(t *testing.T, lines ...line) (es []*logEntry) {
	t.Helper()
	if beside == nil {
		w := new(world)
		for range 4 {
			l := w.down(0)
			w.do(100_000, l.Close)
		}
		beside = w.index(t)
	}
	for i := range lines {
		if lines[i].client == "" {
			lines[i].client = clientEnd(0)
		}
	}
	w := new(world)
	w.log(lines...)
	for _, l := range w.records(t, beside, logFormat).Lines {
		es = append(es, &logEntry{NamedLine: &graph.NamedLine{Line: l}})
	}
	if len(es) != len(lines) {
		t.Fatalf("%d of %d lines are kept", len(es), len(lines))
	}
	return es
}

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }
