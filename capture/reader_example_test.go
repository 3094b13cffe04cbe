package capture_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
)

// A capture with two packets, written to memory and read back.
func Example() {
	var file bytes.Buffer
	w := capture.NewWriter(&file, &capture.WriterOptions{Application: "example"})
	eth0, err := w.AddInterface(capture.Interface{Name: "eth0", Link: linktype.Ethernet})
	if err != nil {
		log.Fatal(err)
	}
	header := make([]byte, 14)
	for i, payload := range []string{"one", "two"} {
		if err := w.WritePacket(eth0, capture.Time(int64(i)*1e9), 0, 0, nil, header, []byte(payload)); err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		log.Fatal(err)
	}

	r, err := capture.NewReader(&file, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	for p, err := range r.Packets() {
		if err != nil {
			log.Fatal(err)
		}
		in := r.Interfaces()[p.Interface]
		fmt.Printf("%d %s %d ns %q\n", p.Ref.Packet, in.Name, p.Time, p.Data[14:])
	}
	// Output:
	// 1 eth0 0 ns "one"
	// 2 eth0 1000000000 ns "two"
}

// What a pcapng file holds beside packets.
func ExampleWriter() {
	var file bytes.Buffer
	w := capture.NewWriter(&file, &capture.WriterOptions{Hardware: "x86-64", OS: "Linux", Application: "example"})
	_, err := w.AddInterface(capture.Interface{
		Name: "eth0", Link: linktype.Ethernet, Filter: "tcp port 80", OS: "Linux", Comments: []string{"of the pod"},
	})
	if err == nil {
		err = w.WriteNames([]capture.Name{{Addr: "10.96.10.1", Name: "shop.default.svc"}})
	}
	if err == nil {
		err = w.WriteSecret(capture.Secret{Type: 0x544c534b, Data: []byte("# TLS keys\n")})
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		log.Fatal(err)
	}

	r, err := capture.NewReader(&file, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	_, err = r.Next()
	in := r.Interfaces()[0]
	fmt.Println(err, r.Application(), in.Name, in.Filter, in.Comments)
	fmt.Printf("%v %q\n", r.Names(), r.Secrets()[0].Data)
	// Output:
	// EOF example eth0 tcp port 80 [of the pod]
	// [{10.96.10.1 shop.default.svc}] "# TLS keys\n"
}

// A file that was cut off: its whole packets, and then where it ends.
func ExampleError() {
	var file bytes.Buffer
	w := capture.NewWriter(&file, nil)
	_, err := w.AddInterface(capture.Interface{Link: linktype.Raw})
	if err == nil {
		err = w.WritePacket(0, 0, 0, 0, nil, []byte("the only one"))
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		log.Fatal(err)
	}
	file.Truncate(file.Len() - 1)

	r, err := capture.NewReader(&file, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	_, err = r.Next()
	var e *capture.Error
	if errors.As(err, &e) && errors.Is(err, capture.ErrTruncated) {
		fmt.Println("cut off in packet", e.Packet)
	}
	fmt.Println(err)
	// Output:
	// cut off in packet 1
	// packet 1 at offset 60: truncated: have 43 of 44 bytes
}

// Two captures in the order of their timestamps.
func ExampleMerger() {
	read := func(input uint32, seconds ...int64) *capture.Reader {
		var file bytes.Buffer
		w := capture.NewWriter(&file, nil)
		lo, err := w.AddInterface(capture.Interface{Link: linktype.Raw})
		for _, s := range seconds {
			if err == nil {
				err = w.WritePacket(lo, capture.Time(s*1e9), 0, 0, nil)
			}
		}
		if err == nil {
			err = w.Flush()
		}
		if err != nil {
			log.Fatal(err)
		}
		r, err := capture.NewReader(&file, &capture.Options{Input: input})
		if err != nil {
			log.Fatal(err)
		}
		return r
	}
	m := capture.NewMerger(read(0, 1, 3), read(1, 2, 4))
	for {
		p, err := m.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Print(err) // of one input; the others go on
			continue
		}
		fmt.Println(p.Time.Time().Second(), p.Ref)
	}
	// Output:
	// 1 {0 1}
	// 2 {1 1}
	// 3 {0 2}
	// 4 {1 2}
}
