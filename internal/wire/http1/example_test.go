package http1_test

import (
	"fmt"

	"github.com/pcapmesh/pcapmesh/internal/wire/http1"
)

// printer writes what it is told.
type printer struct{}

func (printer) Head(h *http1.Head) http1.BodyRule {
	fmt.Printf("%s %s, id %s\n", h.Method, h.Target, h.Field("x-request-id"))
	return http1.BodyNormal
}

func (printer) End(m *http1.Message) {
	fmt.Printf("bytes %d to %d, body of %d, %d missing\n", m.Start, m.End, m.BodyLen, m.MissingBytes)
}

func (printer) Tunnel(off int64) { fmt.Println("tunnel from", off) }

// A body is passed over but for the parts its fingerprint needs.
func ExampleScanner() {
	var s http1.Scanner
	s.Reset(new(http1.Scratch), true)
	head := "PUT /a HTTP/1.1\r\nX-Request-Id: 7\r\nContent-Length: 1000\r\n\r\n"
	body := make([]byte, 1000)

	off := int64(len(head))
	fmt.Println("skip", s.Feed(0, []byte(head), printer{}))
	fmt.Println("skip", s.Feed(off, body[:100], printer{}))
	s.Skip(off+100, 800, printer{})
	s.Gap(off+900, 20, printer{})
	fmt.Println("skip", s.Feed(off+920, body[920:], printer{}))
	s.Close(off+1000, true, printer{})
	// Output:
	// PUT /a, id 7
	// skip 0
	// skip 836
	// bytes 0 to 1058, body of 1000, 20 missing
	// skip 0
}
