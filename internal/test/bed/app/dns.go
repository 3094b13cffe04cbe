//go:build linux

package app

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/socket"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// DNSAsk is one question that an application or the agent sends.
type DNSAsk struct {
	Name  string
	Typ   dnsmessage.Type
	ID    uint16
	Again time.Duration // send it once more after this; 0: never
}

// DNSClient asks questions from one socket, all at once, and waits for the
// answers.
type DNSClient struct {
	From     *world.Host
	UID      int
	Local    netip.AddrPort // bound source, or zero
	To       netip.AddrPort
	Role     string
	By       netip.AddrPort // who answers
	cause    *int
	Patience time.Duration
}

// Resolve asks and returns the answers by id. It is no error if there is none.
func (a *Apps) Resolve(c DNSClient, asks ...DNSAsk) (map[uint16][]byte, error) {
	conn, err := c.From.DialUDP(c.UID, c.Local, c.To)
	if err != nil {
		return nil, fmt.Errorf("ask %v: %w", c.To, err)
	}
	defer conn.Close()
	places := map[uint16]int{}
	for _, q := range asks {
		places[q.ID] = a.lookups.begin(truth.Lookup{Role: c.Role, Client: conn.LocalAddr().String(), Server: c.To.String(), AnsweredBy: c.By.String(),
			ID: int(q.ID), Name: q.Name, Type: strings.TrimPrefix(q.Typ.String(), "Type"), UpstreamOf: c.cause})
		if err := a.send(conn, q, places[q.ID]); err != nil {
			return nil, err
		}
		if q.Again > 0 {
			again := time.AfterFunc(q.Again, func() { _ = a.send(conn, q, places[q.ID]) })
			defer again.Stop()
		}
	}
	return a.hear(conn, places, c.Patience)
}

// send writes a query.
func (a *Apps) send(conn *net.UDPConn, q DNSAsk, place int) error {
	query, err := q.Pack()
	if err != nil {
		return err
	}
	a.lookups.change(place, func(l *truth.Lookup) { l.Queries++ })
	_, err = conn.Write(query)
	return err
}

// Pack writes the question as a message.
func (a DNSAsk) Pack() ([]byte, error) {
	name, err := dnsmessage.NewName(a.Name + ".")
	if err != nil {
		return nil, fmt.Errorf("name %s: %w", a.Name, err)
	}
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: a.ID, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: name, Type: a.Typ, Class: dnsmessage.ClassINET}}}
	return m.Pack()
}

// hear reads answers until all questions have one or patience is over.
func (a *Apps) hear(conn *net.UDPConn, places map[uint16]int, patience time.Duration) (map[uint16][]byte, error) {
	answers := map[uint16][]byte{}
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	for len(answers) < len(places) {
		buf := make([]byte, 2048)
		n, err := conn.Read(buf)
		if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
			return answers, nil
		}
		if err != nil {
			return nil, err
		}
		var m dnsmessage.Message
		if err := m.Unpack(buf[:n]); err != nil {
			return nil, fmt.Errorf("answer from %v: %w", conn.RemoteAddr(), err)
		}
		place, ok := places[m.ID]
		if !ok || answers[m.ID] != nil {
			return nil, fmt.Errorf("answer %d from %v was not waited for", m.ID, conn.RemoteAddr())
		}
		answers[m.ID] = buf[:n]
		a.lookups.change(place, func(l *truth.Lookup) { answered(l, &m) })
	}
	return answers, nil
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// answered takes over what an answer says.
func answered(l *truth.Lookup, m *dnsmessage.Message) {
	l.Answers++
	l.Truncated = m.Truncated
	l.RCode = map[dnsmessage.RCode]string{dnsmessage.RCodeSuccess: "NOERROR", dnsmessage.RCodeNameError: "NXDOMAIN"}[m.RCode]
	for _, r := range m.Answers {
		switch body := r.Body.(type) {
		case *dnsmessage.AResource:
			l.Addresses = append(l.Addresses, netip.AddrFrom4(body.A).String())
		case *dnsmessage.AAAAResource:
			l.Addresses = append(l.Addresses, netip.AddrFrom16(body.AAAA).String())
		}
	}
}

// A DNSHandler answers a query; nil means that it is left unanswered. tcp tells
// how it came.
type DNSHandler func(from netip.AddrPort, query *dnsmessage.Message, tcp bool) []byte

// ServeDNS answers queries in h over UDP and TCP, as user uid.
func (a *Apps) ServeDNS(h *world.Host, uid int, at netip.AddrPort, answer DNSHandler) error {
	var u *net.UDPConn
	var l net.Listener
	err := h.In(uid, func() (err error) {
		if u, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at)); err != nil {
			return err
		}
		l, err = net.Listen("tcp4", at.String())
		return err
	})
	if u != nil {
		a.Later(func() { _ = u.Close() })
	}
	if err != nil {
		return fmt.Errorf("dns at %v: %w", at, err)
	}
	a.Later(func() { _ = l.Close() })
	go serveUDP(u, answer)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveStream(c, answer)
		}
	}()
	return nil
}

func serveUDP(u *net.UDPConn, answer DNSHandler) {
	for {
		buf := make([]byte, 2048)
		n, from, err := u.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		go func() {
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil {
				return
			}
			if out := answer(from, &m, false); out != nil {
				_, _ = u.WriteToUDPAddrPort(out, from)
			}
		}()
	}
}

// serveStream answers one query of a connection (RFC 1035 §4.2.2).
func serveStream(c net.Conn, answer DNSHandler) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	query, err := readFrame(c)
	var m dnsmessage.Message
	if err != nil || m.Unpack(query) != nil {
		return
	}
	if out := answer(world.Unmapped(c.RemoteAddr()), &m, true); out != nil {
		_, _ = c.Write(frame(out))
	}
	_, _ = io.Copy(io.Discard, c) // the client closes
}

// frame puts the length before a message, as over TCP.
func frame(m []byte) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...) }

func readFrame(r io.Reader) ([]byte, error) {
	var n [2]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return nil, err
	}
	m := make([]byte, binary.BigEndian.Uint16(n[:]))
	_, err := io.ReadFull(r, m)
	return m, err
}

// ResolveTCP asks one question over a connection of its own, which becomes a leg
// of the truth.
func (a *Apps) ResolveTCP(c DNSClient, query []byte) ([]byte, error) {
	start := time.Now()
	raw, err := c.From.DialTCP(a.Ctx, c.UID, netip.AddrPort{}, c.To)
	if err != nil {
		return nil, fmt.Errorf("ask %v over TCP: %w", c.To, err)
	}
	defer raw.Close()
	defer bounded(a.Ctx, raw)()
	rc := a.Rec.Record(c.From, raw, false, start)
	rc.Record.Control = true
	if c.By != c.To {
		rc.Record.Taken = c.By
	}
	if _, err := rc.Write(frame(query)); err != nil {
		return nil, err
	}
	answer, err := readFrame(rc)
	if err != nil {
		return nil, fmt.Errorf("answer from %v over TCP: %w", c.To, err)
	}
	socket.Farewell(rc)
	return answer, nil
}
