package emit

import (
	"io"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/gopackets"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
)

// A sink is where an emitter writes: a pcapng or a classic pcap file.
type sink interface {
	AddInterface(capture.Interface) (int, error)
	WriteNames([]capture.Name) error
	WriteSecret(capture.Secret) error
	WritePacket(iface int, when capture.Time, wireLen, flags uint32, comments []string, data ...[]byte) error
	Flush() error
	Abort()
}

func newSink(w io.Writer, o *Options, comments []string) (sink, error) {
	if !o.Classic {
		return capture.NewWriter(w, &capture.WriterOptions{Application: applicationName(o.Version), Comments: comments, Background: true}), nil
	}
	p, err := gopackets.NewWriter(w)
	return &classic{w: p}, err
}

// classic writes a classic pcap file, which has no place for interfaces, names,
// secrets and comments.
type classic struct {
	w   *gopackets.Writer
	buf []byte // reused
}

func (*classic) AddInterface(capture.Interface) (int, error) { return 0, nil }
func (*classic) WriteNames([]capture.Name) error             { return nil }
func (*classic) WriteSecret(capture.Secret) error            { return nil }
func (c *classic) Flush() error                              { return c.w.Flush() }
func (*classic) Abort()                                      {}

func (c *classic) WritePacket(_ int, when capture.Time, wireLen, _ uint32, _ []string, data ...[]byte) error {
	c.buf = c.buf[:0]
	for _, d := range data {
		c.buf = append(c.buf, d...)
	}
	return c.w.Write(&capture.Packet{Time: when, Link: linktype.Ethernet, WireLen: wireLen, Data: c.buf})
}
