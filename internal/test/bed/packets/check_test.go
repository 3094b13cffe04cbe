package packets

import (
	"net/netip"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// What cannot have been made by the applications is found in a capture.
func TestStrangers(t *testing.T) {
	at := netip.MustParseAddrPort
	c := captureCheck{seen: ways{}, used: map[way]int{}}
	c.seen.add("b/lo", segment{src: at("127.0.0.6:1"), dst: at("10.0.0.1:80"), syn: true, seq: 7})
	if c.strangers() == nil {
		t.Error("a SYN of no leg was not found")
	}
	c.seen.add("b/lo", segment{src: at("10.0.0.1:80"), dst: at("127.0.0.6:1"), syn: true, ack: true, seq: 9})
	l := truth.Leg{OrigSrc: "127.0.0.6:1", OrigDst: "10.0.0.1:80", ReplySrc: "10.0.0.1:80"}
	if err := c.leg(&l, "b/lo"); err != nil {
		t.Error(err)
	}
	if err := c.strangers(); err != nil {
		t.Error(err)
	}
	if c.leg(&l, "b/lo") == nil {
		t.Error("a second leg of the tuple was found in one connection")
	}
}
