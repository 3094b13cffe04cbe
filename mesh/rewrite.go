package mesh

import (
	"errors"
	"fmt"
	"io"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// A View says what a stitched capture shows.
type View uint8

// The views.
const (
	ViewPaths View = iota // one TCP stream per path
	ViewLegs              // every leg by itself, nothing joined
)

// Comments says which packets of a stitched capture carry a comment.
type Comments uint8

// The choices for comments.
const (
	CommentFirst Comments = iota // the first packet of each stream: its legs and how they were tied
	CommentAll                   // every packet: where it was captured
	CommentNone
)

// WriteOptions change a stitched capture. The zero value, and nil, are the
// defaults.
type WriteOptions struct {
	View      View
	Comments  Comments
	KeepOther bool   // copy packets that are neither TCP nor DNS
	Classic   bool   // a classic pcap file: no comments, names and interfaces
	NoNames   bool   // no name records
	EmbedKeys bool   // write the TLS secrets, from key logs and inputs, of connections that stay encrypted
	Version   string // of the program that writes, for the section header; may be empty
}

// Application is what a stitched capture names as the program that wrote it,
// followed by a space and its version if that is known. It tells that a file
// may be replaced.
const Application = "pcapmesh"

// A Summary counts what was written.
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
	r       *Result
	o       WriteOptions
	out     sink
	convs   []*conversation
	begun   []bool // by conversation: its first packet is written
	targets []target
	ifaces  map[place]int
	other   map[[2]uint32]int // interfaces of packets that are no TCP
	made    []made            // packets made anew, in the order of time
	spool   *spool
	dns     *dnsEmitter
	buf     []byte
	sum     Summary
}

// WriteCapture writes the paths as a pcapng file in which every conversation
// is one TCP stream, numbered as the paths are. It reads the inputs again.
func (r *Result) WriteCapture(w io.Writer, o *WriteOptions) (Summary, error) {
	e := &emitter{r: r, ifaces: make(map[place]int), other: make(map[[2]uint32]int)}
	if o != nil {
		e.o = *o
	}
	e.plan()
	defer e.spool.Close()
	if err := e.rebuildAll(); err != nil {
		return e.sum, err
	}
	var err error
	if e.out, err = newSink(w, &e.o, r.sectionComments()); err != nil {
		return e.sum, err
	}
	if !e.o.NoNames {
		if err := e.out.WriteNames(r.names()); err != nil {
			return e.sum, err
		}
	}
	if e.o.EmbedKeys {
		if err := e.writeKeys(); err != nil {
			return e.sum, err
		}
	}
	if err := e.copyPackets(); err != nil {
		return e.sum, err
	}
	return e.sum, e.out.Flush()
}

func applicationName(version string) string {
	if version == "" {
		return Application
	}
	return Application + " " + version
}

// plan decides for every half what becomes of its packets.
func (e *emitter) plan() {
	e.spool, e.dns = &spool{}, newDNSEmitter(e.r)
	if e.o.View == ViewLegs {
		e.convs = e.r.planner.legConversations()
		e.sum.Streams = len(e.convs)
	} else {
		for _, p := range e.r.Paths {
			e.convs = append(e.convs, p.conv)
			e.sum.Streams++
			if p.Joined() {
				e.sum.Joined++
			}
		}
	}
	e.begun = make([]bool, len(e.convs))
	e.targets = make([]target, e.r.x.len()+1)
	for i, c := range e.convs {
		if !c.rebuilt {
			e.aim(i, c)
		}
	}
}

// aim sends the packets of a rewritten leg to conversation i.
func (e *emitter) aim(i int, c *conversation) {
	to, back := target{int32(i + 1), c.client, c.server}, target{int32(i + 1), c.server, c.client}
	leg := c.frame.conn
	set := func(h halfNo, t target) {
		if h == 0 {
			return
		}
		if k := e.r.x.half(h).Key.Tuple(); k.Src == t.src && k.Dst == t.dst {
			t.src, t.dst = netip.AddrPort{}, netip.AddrPort{}
		}
		e.targets[h] = t
	}
	set(leg.orig, to)
	set(leg.reply, back)
	for _, s := range leg.strays {
		if s.reply {
			set(s.half, back)
		} else {
			set(s.half, to)
		}
	}
}

// sectionComments returns the comments on the inputs' sections.
func (r *Result) sectionComments() []string {
	var cs []string
	for i := range r.Inputs {
		cs = append(cs, r.Inputs[i].Comments...)
	}
	return cs
}

// names returns the name records of the inputs, and labels addresses that
// stand for a proxy.
func (r *Result) names() []capture.Name {
	var names []capture.Name
	seen := make(map[capture.Name]bool)
	add := func(n capture.Name) {
		if !seen[n] {
			seen[n] = true
			names = append(names, n)
		}
	}
	for i := range r.Inputs {
		for _, n := range r.Inputs[i].Names {
			add(n)
		}
	}
	for _, n := range r.Names {
		add(capture.Name{Addr: n.Addr.String(), Name: n.Name})
	}
	for _, l := range r.Legs {
		if a := l.Orig.Src.Addr(); profile.IsBindSource(a) {
			add(capture.Name{Addr: a.String(), Name: "inbound-proxy"})
		}
	}
	return names
}

// copyPackets goes through the inputs once more, in the order of time, and
// writes what has a target, and between it what was made anew.
func (e *emitter) copyPackets() error {
	readers, byNumber, err := e.r.openAll()
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
		if errors.Is(err, capture.ErrChanged) {
			return err
		}
		if err != nil {
			continue // as in the first reading: what could be read counts
		}
		if err := e.writeMade(moment{p.Nanos, p.Ref}); err != nil {
			return err
		}
		if err := e.writePacket(p, byNumber[p.Ref.Input]); err != nil {
			return err
		}
	}
	return e.writeMade(moment{nanos: 1<<63 - 1})
}

// openAll opens all inputs that were read, and lists their readers by the
// numbers of the inputs too.
func (r *Result) openAll() (readers, byNumber []*capture.Reader, err error) {
	byNumber = make([]*capture.Reader, len(r.inputs))
	for _, g := range r.groups {
		for _, in := range g {
			if i := &r.Inputs[in.Number()]; i.Err != nil && i.Packets == 0 {
				continue // as in the first reading
			}
			f, err := in.Reader()
			if err != nil {
				return readers, byNumber, err
			}
			byNumber[in.Number()] = f
		}
	}
	for _, f := range byNumber {
		if f != nil {
			readers = append(readers, f)
		}
	}
	return readers, byNumber, nil
}

func closeAll(rs []*capture.Reader) {
	for _, r := range rs {
		r.Close()
	}
}

// writePacket writes a captured packet, if it has a target.
func (e *emitter) writePacket(p *capture.Packet, from *capture.Reader) error {
	g := e.r.where[p.Ref.Input]
	id := e.r.x.groups[g].table.At(p.Ref)
	if id == 0 {
		if done, err := e.writeDNS(p); done {
			return err
		}
		return e.writeOther(p, from)
	}
	if id.Dup() {
		return nil
	}
	h := e.r.x.number(g, id.ID())
	t := &e.targets[h]
	if t.conv == 0 {
		return nil
	}
	iface, err := e.iface(e.r.x.place(h))
	if err != nil {
		return err
	}
	hdr, l3 := capture.EthernetHeader(p.Link, p.Data)
	ip := p.Data[l3:]
	if t.src.IsValid() {
		if ip, err = e.redirect(p, t, l3); err != nil {
			return err
		}
	}
	e.sum.Packets++
	wire := p.WireLen - uint32(l3) + uint32(len(hdr))
	return e.out.WritePacket(iface, p.Nanos, wire, p.Flags, e.comment(t.conv-1, p), hdr[:], ip)
}

// redirect copies the packet and gives it the addresses of its conversation.
func (e *emitter) redirect(p *capture.Packet, t *target, l3 int) ([]byte, error) {
	at, l4, ok := capture.Locate(p.Link, p.Data)
	if !ok {
		return p.Data[l3:], nil
	}
	e.buf = append(e.buf[:0], p.Data[l3:]...) // with VLAN tags, if there are any
	if l4 >= 0 {
		l4 -= at
	}
	if err := capture.RewriteTuple(e.buf[at-l3:], l4, t.src, t.dst); err != nil {
		return nil, fmt.Errorf("%s: packet %d: %w", e.r.Inputs[p.Ref.Input].File, p.Ref.Packet, err)
	}
	return e.buf, nil
}

// comment returns the comments for a packet of conversation i: its own, and
// ours.
func (e *emitter) comment(i int32, p *capture.Packet) []string {
	if e.o.Comments == CommentNone {
		return p.Comments
	}
	cs := p.Comments
	if !e.begun[i] {
		e.begun[i] = true
		cs = append(cs[:len(cs):len(cs)], e.r.planner.comments(e.convs[i].path)...)
	}
	if e.o.Comments == CommentAll {
		cs = append(cs[:len(cs):len(cs)], fmt.Sprintf("pcapmesh: %s packet %d", e.r.Inputs[p.Ref.Input].File, p.Ref.Packet))
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
		in.Link, in.SnapLen = capture.LinkEthernet, 0
		var err error
		if iface, err = e.out.AddInterface(in); err != nil {
			return err
		}
		e.other[k] = iface
	}
	hdr, l3 := capture.EthernetHeader(p.Link, p.Data)
	if l3 < 0 {
		return nil
	}
	e.sum.Other++
	return e.out.WritePacket(iface, p.Nanos, p.WireLen-uint32(l3)+uint32(len(hdr)), p.Flags, p.Comments, hdr[:], p.Data[l3:])
}

// iface returns the output's number for a capture point. All interfaces of the
// output are Ethernet with one snapshot length: libpcap refuses others.
func (e *emitter) iface(at place) (int, error) {
	if i, ok := e.ifaces[at]; ok {
		return i, nil
	}
	info := e.r.x.groups[at.group].points.Info(at.point)
	in := capture.Interface{Name: info.Name, Link: capture.LinkEthernet}
	if info.Pod != "" {
		in.Description = "pod " + info.Pod
	}
	i, err := e.out.AddInterface(in)
	if err == nil {
		e.ifaces[at] = i
	}
	return i, err
}
