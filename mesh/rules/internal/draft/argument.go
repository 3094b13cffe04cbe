package draft

import (
	"fmt"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// argument reads an option of the target at hand. It is not done with options
// that it does not know.
func (c *cursor) argument(w string) (done bool, err error) {
	t := c.b.LastTarget()
	switch t.Name {
	case netfilter.TargetRedirect:
		return c.redirect(t, w)
	case netfilter.TargetDNAT:
		return c.dnat(t, w)
	case netfilter.TargetTPROXY:
		return c.tproxy(t, w)
	case netfilter.TargetMark:
		return c.setMark(t, w)
	case netfilter.TargetConnMark:
		return c.connMark(t, w)
	case netfilter.TargetCT:
		return c.zone(t, w)
	}
	return false, nil
}

// redirect reads REDIRECT's ports. getopt takes every beginning of --to-ports,
// and scripts of meshes use several.
func (c *cursor) redirect(t *netfilter.Target, w string) (bool, error) {
	switch w {
	case "--to-ports", "--to-port", "--to":
		v, err := c.value()
		if err == nil {
			t.Ports, err = Span(v, '-', 16)
		}
		return true, err
	}
	return false, nil
}

func (c *cursor) dnat(t *netfilter.Target, w string) (bool, error) {
	switch w {
	case "--to-destination", "--to-dest", "--to":
		v, err := c.value()
		if err != nil {
			return true, err
		}
		if t.Addr, t.Ports, err = Destination(v); err != nil { // a range of addresses
			t.Addr, t.Ports = netip.Addr{}, netfilter.Span{}
			t.Extra = joined(t.Extra, "--to-destination "+c.b.Text([][]byte{v}))
		}
		return true, nil
	}
	return false, nil
}

func (c *cursor) tproxy(t *netfilter.Target, w string) (bool, error) {
	switch w {
	case "--on-port", "--on-ip", "--tproxy-mark":
	default:
		return false, nil
	}
	v, err := c.value()
	if err != nil {
		return true, err
	}
	switch w {
	case "--on-port":
		t.Ports, err = Span(v, '-', 16)
	case "--on-ip":
		p, bad := syntax.Prefix(v)
		t.Addr, err = p.Addr(), bad
	case "--tproxy-mark":
		t.Value, t.Mask, err = syntax.Mark(v)
	}
	return true, err
}

// setMark reads the ways to set a packet's mark. All are mark &^ Mask ^ Value
// (iptables-extensions, MARK).
func (c *cursor) setMark(t *netfilter.Target, w string) (bool, error) {
	switch w {
	case "--set-xmark", "--set-mark", "--and-mark", "--or-mark", "--xor-mark":
	default:
		return false, nil
	}
	v, err := c.value()
	if err != nil {
		return true, err
	}
	value, mask, err := syntax.Mark(v)
	t.Op, t.Value, t.Mask, t.CTMask = netfilter.OpSet, value, mask, 0
	switch w {
	case "--set-mark": // sets the bits of the mask, and those of the value
		t.Mask |= value
	case "--and-mark":
		t.Value, t.Mask = 0, ^value
	case "--or-mark":
		t.Mask = value
	case "--xor-mark":
		t.Mask = 0
	}
	return true, err
}

// connMark reads CONNMARK's options. Save and restore take the masks of both
// marks, or one for both.
func (c *cursor) connMark(t *netfilter.Target, w string) (bool, error) {
	switch w {
	case "--save-mark":
		t.Op, t.Value, t.Mask, t.CTMask = netfilter.OpSave, 0, syntax.AllBits, syntax.AllBits
		return true, nil
	case "--restore-mark":
		t.Op, t.Value, t.Mask, t.CTMask = netfilter.OpRestore, 0, syntax.AllBits, syntax.AllBits
		return true, nil
	case "--mask", "--nfmask", "--ctmask":
	default:
		return c.setMark(t, w)
	}
	v, err := c.value()
	if err != nil {
		return true, err
	}
	n, err := syntax.Number(v, 32)
	if t.Op != netfilter.OpSave && t.Op != netfilter.OpRestore {
		return true, fmt.Errorf("%s without --save-mark or --restore-mark", w)
	}
	if w != "--ctmask" {
		t.Mask = n
	}
	if w != "--nfmask" {
		t.CTMask = n
	}
	return true, err
}

func (c *cursor) zone(t *netfilter.Target, w string) (bool, error) {
	if w != "--zone" {
		return false, nil
	}
	v, err := c.value()
	if err == nil {
		var n uint32
		n, err = syntax.Number(v, 16)
		t.Zone, t.HasZone = uint16(n), true
	}
	return true, err
}
