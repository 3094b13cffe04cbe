package tcpip

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
)

// maxPoints is how many points fit into a Point. An SLL2 header can name any
// interface index, so a hostile file could ask for more.
const maxPoints = 1 << 16

// anyName is the name libpcap gives the device that captures on all interfaces;
// there the packets' own headers say where each was seen.
const anyName = "any"

// Points is the registry of the capture points met in a set of inputs. Inputs
// of one pod that have an interface of the same name share a point (rotated
// files, a -Q in/-Q out pair). A point seen through -i any is another one than
// the interface captured by itself, because the same packet is in both.
//
// Points is not safe for concurrent use, and numbers depend on the order of
// packets: goroutines that decode at the same time use one each.
type Points struct {
	pods  map[uint32]string
	infos []PointInfo
	ids   map[pointName]Point
	from  [][]uint32 // by point: the inputs that show it
}

// pointName is what tells points apart.
type pointName struct {
	pod, name string
	cooked    bool
	alone     uint32 // 1 + number of the only input that has the point; 0 = any may share it
}

// NewPoints returns an empty registry.
func NewPoints() *Points {
	return &Points{pods: map[uint32]string{}, ids: map[pointName]Point{}}
}

// Add says that an input belongs to a pod. Inputs never added belong to the pod
// named "". Call it before packets of the input are decoded.
func (t *Points) Add(input uint32, pod string) { t.pods[input] = pod }

// Len returns the number of points met so far. Points are numbered from 0 in
// the order in which a Decoder first met a TCP packet there.
func (t *Points) Len() int { return len(t.infos) }

// Info describes a point. Loopback may become true and Inferred false while
// further packets are decoded. It panics if p was not assigned by t.
func (t *Points) Info(p Point) PointInfo { return t.infos[p] }

// Inputs lists the inputs that have shown p, in the order in which they did. It panics if
// p was not assigned by t.
func (t *Points) Inputs(p Point) []uint32 { return slices.Clone(t.from[p]) }

// shown takes note that an input shows p.
func (t *Points) shown(p Point, input uint32) {
	for len(t.from) <= int(p) {
		t.from = append(t.from, nil)
	}
	if !slices.Contains(t.from[p], input) {
		t.from[p] = append(t.from[p], input)
	}
}

// register returns the point of the given description, new or known. A name
// found in a file beats the same name guessed; any mark of loopback stays. It
// reports false when there are too many points. alone is as in pointName.
func (t *Points) register(info PointInfo, alone uint32) (Point, bool) {
	name := pointName{info.Pod, info.Name, info.Cooked, alone}
	if p, ok := t.ids[name]; ok {
		known := &t.infos[p]
		known.Loopback = known.Loopback || info.Loopback
		known.Inferred = known.Inferred && info.Inferred
		if known.Index == 0 {
			known.Index = info.Index
		}
		return p, true
	}
	if len(t.infos) == maxPoints {
		return 0, false
	}
	p := Point(len(t.infos))
	t.ids[name] = p
	t.infos = append(t.infos, info)
	return p, true
}

// A source is one interface of one input and the places its packets were seen
// at, so that the name of a point is looked up once and not per packet.
type source struct {
	name    string           // given by the file or the user; "" when the headers decide
	places  [2]place         // met last, without and with the mark of loopback
	byIndex map[uint32]place // of SLL2 interfaces without the mark, beside the last
}

// A place is a point as the decoder needs it for each packet.
type place struct {
	known  bool
	watch  bool   // nameless raw IP: a loopback address makes it a loopback point
	point  Point  // valid iff known
	index  uint32 // SLL2 interface index it was resolved for
	copies *copies
	passes *passes // of a point that stands for all interfaces
}

// source returns the interface that p was captured on.
func (d *Decoder) source(p *capture.Packet) *source {
	if int(p.Ref.Input) < len(d.sources) {
		if in := d.sources[p.Ref.Input]; uint(p.Interface) < uint(len(in)) {
			return &in[p.Interface]
		}
	}
	return d.newSources(p)
}

// newSources takes note of the interfaces of p's input, all that are known by
// now, and returns p's.
func (d *Decoder) newSources(p *capture.Packet) *source {
	for len(d.sources) <= int(p.Ref.Input) {
		d.sources = append(d.sources, nil)
	}
	ifaces := d.interfaces(p.Ref.Input)
	in := d.sources[p.Ref.Input]
	for i := len(in); i < len(ifaces) || i <= p.Interface; i++ {
		var s source
		if i < len(ifaces) && ifaces[i].Name != anyName {
			s.name = ifaces[i].Name
		}
		in = append(in, s)
	}
	d.sources[p.Ref.Input] = in
	return &in[p.Interface]
}

// place returns where p was seen, or nil when there are too many points. The
// link header is whole.
func (d *Decoder) place(p *capture.Packet) *place {
	src := d.source(p)
	loop, index := p.Link.Loopback(p.Data)
	pl := &src.places[0]
	if loop {
		pl = &src.places[1]
	}
	if pl.known && pl.index == index {
		return pl
	}
	return d.resolve(p, src, pl, loop, index)
}

// resolve fills pl with the place of p.
func (d *Decoder) resolve(p *capture.Packet, src *source, pl *place, loop bool, index uint32) *place {
	if known, ok := src.byIndex[index]; ok && !loop {
		*pl = known
		return pl
	}
	info := describe(p.Link, src.name, loop, index)
	info.Pod = d.points.pods[p.Ref.Input]
	alone := uint32(0)
	if src.name == "" && p.Link.Bare() {
		// Nothing reports whether two nameless files of raw IP are of one
		// interface; as often as not they are eth0's and lo's.
		alone = p.Ref.Input + 1
	}
	point, ok := d.points.register(info, alone)
	if !ok {
		return nil
	}
	d.points.shown(point, p.Ref.Input)
	*pl = place{known: true, point: point, index: index, watch: src.name == "" && p.Link.Bare()}
	if d.points.infos[point].Loopback {
		pl.copies = at(&d.copies, point)
	} else if p.Link.Cooked() && !p.Link.Indexed() && src.name == "" {
		pl.passes = at(&d.passes, point)
	}
	if p.Link.Indexed() && !loop {
		if src.byIndex == nil {
			src.byIndex = map[uint32]place{}
		}
		src.byIndex[index] = *pl
	}
	return pl
}

// describe says what a link header and the interface's name, if it has one,
// tell about a capture point.
func describe(link linktype.Type, name string, loop bool, index uint32) PointInfo {
	info := PointInfo{Name: name, Index: index, Cooked: link.Cooked()}
	if name != "" {
		// Some link types are used on tunnels as well: there only the name tells.
		info.Loopback = name == "lo" || name == "lo0" || loop && !link.Tunnels()
		return info
	}
	info.Name, info.Loopback, info.Inferred = link.Guess(loop, index), loop, true
	return info
}
