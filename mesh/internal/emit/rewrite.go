package emit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/cancel"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/plan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// Options change a stitched capture. The zero value is the default.
type Options struct {
	Legs      bool // every leg by itself, nothing joined
	Comments  Comments
	KeepOther bool   // copy packets that are neither TCP nor DNS
	Classic   bool   // a classic pcap file: no comments, names and interfaces
	NoNames   bool   // no name records
	Replace   bool   // WriteFile replaces a file that pcapmesh did not write
	EmbedKeys bool   // write the TLS secrets of connections that stay encrypted
	Version   string // of the program that writes, for the section header; may be empty
}

// Comments says which packets carry a comment.
type Comments uint8

// The choices for comments.
const (
	commentFirst Comments = iota // the first packet of each stream: its legs and how they were tied
	commentAll                   // every packet: where it was captured
	commentNone
)

// Summary counts what was written.
type Summary struct {
	Streams int // TCP streams
	Joined  int // of them, those of joined paths
	Packets int
	Other   int // packets that are no TCP, copied
	DNS     int // packets of DNS over UDP
	Secrets int // connections whose TLS secrets were written
}

// A target says what becomes of the packets of one half.
type target struct {
	conv     int32          // index into conversations, plus 1; 0 = not written
	src, dst netip.AddrPort // invalid when the packet stays as it is
}

// An emitter writes a stitched capture.
type emitter struct {
	src     *Source
	o       Options
	out     sink
	convs   []*plan.Conversation
	begun   []bool // by conversation: its first packet is written
	targets []target
	ifaces  map[index.Place]int
	other   map[[2]uint32]int // interfaces of packets that are no TCP
	made    []made            // packets made anew, in the order of time
	spool   *spool
	dns     *dnsEmitter
	buf     []byte
	sum     Summary
}

// Write writes the conversations as a pcapng file in which each is one TCP
// stream. It reads the inputs again. When ctx is cancelled it ends with its error; a
// Write of w that waits delays that.
func (s *Source) Write(ctx context.Context, w io.Writer, o Options) (Summary, error) {
	e := &emitter{src: s, o: o, ifaces: make(map[index.Place]int), other: make(map[[2]uint32]int)}
	e.aimAll()
	defer e.spool.Close()
	if err := e.rebuildAll(ctx); err != nil {
		return e.sum, err
	}
	var err error
	if e.out, err = newSink(cancel.NewWriter(ctx, w), &e.o, s.Comments); err != nil {
		return e.sum, err
	}
	if err := e.writeAll(ctx); err != nil {
		e.out.Abort()
		return e.sum, err
	}
	return e.sum, nil
}

// writeAll writes the file, from its names to its last packet.
func (e *emitter) writeAll(ctx context.Context) error {
	if !e.o.NoNames {
		if err := e.out.WriteNames(e.src.Names); err != nil {
			return err
		}
	}
	if e.o.EmbedKeys {
		if err := e.writeKeys(); err != nil {
			return err
		}
	}
	if err := e.copyPackets(ctx); err != nil {
		return err
	}
	return e.out.Flush()
}

func applicationName(version string) string {
	if version == "" {
		return Application
	}
	return Application + " " + version
}

// aimAll decides for every half what becomes of its packets.
func (e *emitter) aimAll() {
	e.spool, e.dns = &spool{}, newDNSEmitter(e.src)
	e.convs = e.src.Conversations
	if e.o.Legs {
		e.convs = e.src.Planner.LegConversations()
	}
	e.sum.Streams = len(e.convs)
	for _, c := range e.convs {
		if c.Path.Joined {
			e.sum.Joined++
		}
	}
	e.begun = make([]bool, len(e.convs))
	e.targets = make([]target, e.src.Index.Len()+1)
	for i, c := range e.convs {
		if !c.Rebuilt {
			e.aim(i, c)
		}
	}
}

// aim sends the packets of a rewritten leg to conversation i.
func (e *emitter) aim(i int, c *plan.Conversation) {
	to, back := target{int32(i + 1), c.Client, c.Server}, target{int32(i + 1), c.Server, c.Client}
	leg := c.Frame.Conn
	set := func(h index.HalfNo, t target) {
		if h == 0 {
			return
		}
		if k := e.src.Index.Half(h).Key.Tuple(); k.Src == t.src && k.Dst == t.dst {
			t.src, t.dst = netip.AddrPort{}, netip.AddrPort{}
		}
		e.targets[h] = t
	}
	set(leg.Orig, to)
	set(leg.Reply, back)
	for _, s := range leg.Strays {
		if s.Reply {
			set(s.Half, back)
		} else {
			set(s.Half, to)
		}
	}
}

// copyPackets goes through the inputs once more, in the order of time, and
// writes what has a target, and between it what was made anew.
func (e *emitter) copyPackets(ctx context.Context) error {
	readers, byNumber, err := e.src.openAll(ctx)
	defer closeAll(readers)
	if err != nil {
		return err
	}
	m := capture.NewMerger(readers...)
	for {
		p, err := m.Next()
		if err == io.EOF {
			break
		}
		if errors.Is(err, capture.ErrChanged) || err != nil && ctx.Err() != nil {
			return err
		}
		if err != nil {
			continue // as in the first reading: what could be read counts
		}
		if err := e.writeMade(index.Moment{Nanos: int64(p.Time), Ref: p.Ref}); err != nil {
			return err
		}
		if err := e.writePacket(p, byNumber[p.Ref.Input]); err != nil {
			return err
		}
	}
	return e.writeMade(index.Moment{Nanos: 1<<63 - 1})
}

// openAll opens all inputs that were read, and lists their readers by the
// numbers of the inputs too.
func (s *Source) openAll(ctx context.Context) (readers, byNumber []*capture.Reader, err error) {
	byNumber = make([]*capture.Reader, len(s.Inputs))
	for g := range s.Groups {
		rs, err := s.openGroup(ctx, g)
		readers = append(readers, rs...)
		if err != nil {
			return readers, byNumber, err
		}
	}
	slices.SortFunc(readers, func(a, b *capture.Reader) int { return cmp.Compare(a.Number(), b.Number()) })
	for _, r := range readers {
		byNumber[r.Number()] = r
	}
	return readers, byNumber, nil
}

// openGroup opens those inputs of a group that were read.
func (s *Source) openGroup(ctx context.Context, g int) (readers []*capture.Reader, err error) {
	for _, in := range s.Groups[g] {
		if s.Unread[in.Number()] {
			continue // as in the first reading
		}
		r, err := in.Reader(ctx)
		if err != nil {
			return readers, err
		}
		readers = append(readers, r)
	}
	return readers, nil
}

func closeAll(rs []*capture.Reader) {
	for _, r := range rs {
		r.Close()
	}
}

// writePacket writes a captured packet, if it has a target.
func (e *emitter) writePacket(p *capture.Packet, from *capture.Reader) error {
	g := e.src.GroupOf[p.Ref.Input]
	id := e.src.Index.Groups[g].Table.At(p.Ref)
	if id == 0 {
		if done, err := e.writeDNS(p); done {
			return err
		}
		return e.writeOther(p, from)
	}
	if id.Dup() {
		return nil
	}
	h := e.src.Index.Number(g, id.ID())
	t := &e.targets[h]
	if t.conv == 0 {
		return nil
	}
	iface, err := e.iface(e.src.Index.Place(h))
	if err != nil {
		return err
	}
	hdr, l3 := p.Link.EthernetHeader(p.Data)
	ip := p.Data[l3:]
	if t.src.IsValid() {
		if ip, err = e.redirect(p, t, l3); err != nil {
			return err
		}
	}
	e.sum.Packets++
	wire := p.WireLen - uint32(l3) + uint32(len(hdr))
	return e.out.WritePacket(iface, capture.Time(int64(p.Time)), wire, p.Flags, e.comment(t.conv-1, p), hdr[:], ip)
}

// redirect copies the packet and gives it the addresses of its conversation.
func (e *emitter) redirect(p *capture.Packet, t *target, l3 int) ([]byte, error) {
	at, l4, ok := tcpip.Locate(p.Link, p.Data)
	if !ok {
		return p.Data[l3:], nil
	}
	e.buf = append(e.buf[:0], p.Data[l3:]...) // with VLAN tags, if there are any
	if l4 >= 0 {
		l4 -= at
	}
	if err := tcpip.RewriteTuple(e.buf[at-l3:], l4, t.src, t.dst); err != nil {
		return nil, fmt.Errorf("%s: packet %d: %w", e.src.Files[p.Ref.Input], p.Ref.Packet, err)
	}
	return e.buf, nil
}

// comment returns the comments for a packet of conversation i: its own, and
// ours.
func (e *emitter) comment(i int32, p *capture.Packet) []string {
	if e.o.Comments == commentNone {
		return p.Comments
	}
	cs := p.Comments
	if !e.begun[i] {
		e.begun[i] = true
		cs = append(cs[:len(cs):len(cs)], e.src.Planner.Comments(e.convs[i])...)
	}
	if e.o.Comments == commentAll {
		cs = append(cs[:len(cs):len(cs)], fmt.Sprintf("pcapmesh: %s packet %d", e.src.Files[p.Ref.Input], p.Ref.Packet))
	}
	return cs
}

// writeOther copies a packet that is no TCP, if that is wanted.
func (e *emitter) writeOther(p *capture.Packet, from *capture.Reader) error {
	if !e.o.KeepOther {
		return nil
	}
	k := [2]uint32{p.Ref.Input, uint32(p.Interface)}
	iface, ok := e.other[k]
	if !ok {
		in := from.Interfaces()[p.Interface]
		in.Link, in.SnapLen = linktype.Ethernet, 0
		var err error
		if iface, err = e.out.AddInterface(in); err != nil {
			return err
		}
		e.other[k] = iface
	}
	hdr, l3 := p.Link.EthernetHeader(p.Data)
	if l3 < 0 {
		return nil
	}
	e.sum.Other++
	return e.out.WritePacket(iface, capture.Time(int64(p.Time)), p.WireLen-uint32(l3)+uint32(len(hdr)), p.Flags, p.Comments, hdr[:], p.Data[l3:])
}

// iface returns the output's number for a capture point. All interfaces of the
// output are Ethernet with one snapshot length: libpcap refuses others.
func (e *emitter) iface(at index.Place) (int, error) {
	if i, ok := e.ifaces[at]; ok {
		return i, nil
	}
	info := e.src.Index.Groups[at.Group].Points.Info(at.Point)
	in := capture.Interface{Name: info.Name, Link: linktype.Ethernet}
	if info.Pod != "" {
		in.Description = "pod " + info.Pod
	}
	i, err := e.out.AddInterface(in)
	if err == nil {
		e.ifaces[at] = i
	}
	return i, err
}
