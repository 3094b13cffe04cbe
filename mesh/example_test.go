package mesh_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// The conversations of a pod's clients, each with what it asked for.
func ExampleStitch() {
	inputs := []mesh.Input{
		{Name: "../testdata/pcaps/inbound-plain-eth0.pcap"},
		{Name: "../testdata/pcaps/inbound-plain-lo.pcap"},
	}
	r, err := mesh.Stitch(context.Background(), inputs, nil)
	if r == nil {
		log.Fatal(err)
	}
	defer r.Close()
	if err != nil {
		log.Print(err) // of inputs that were read only in part
	}
	p := r.Paths[0]
	fmt.Println(p.Direction, p.Client, "to", p.Server)
	for _, e := range p.Exchanges {
		fmt.Print(e.Method, " ", e.Target, " ", e.Status, ":")
		for _, h := range e.Hops {
			fmt.Print(" ", r.Legs[h.Leg].Role)
		}
		fmt.Println()
	}
	// Output:
	// inbound 192.0.2.10:49748 to 10.244.2.20:8080
	// GET /c3/item/0?size=1491&delay=9 200: client-proxy proxy-app
	// GET /c3/item/1?size=1920&delay=6 200: client-proxy proxy-app
	// GET /c3/item/2?size=192&delay=3 200: client-proxy proxy-app
	// GET /c3/item/3?size=267&delay=3 200: client-proxy proxy-app
	// GET /c3/item/4?size=1605&delay=8 200: client-proxy proxy-app
}

// Captures in a file system: each is opened whenever it is read, so nothing has to be
// copied.
func ExampleStitch_fileSystem() {
	fsys := os.DirFS("../testdata/pcaps")
	var inputs []mesh.Input
	for _, name := range []string{"inbound-plain-eth0.pcap", "inbound-plain-lo.pcap"} {
		inputs = append(inputs, mesh.Input{Name: name, Open: func() (io.ReadCloser, error) { return fsys.Open(name) }})
	}
	r, err := mesh.Stitch(context.Background(), inputs, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	fmt.Println(len(r.Paths), "conversations")
	// Output: 5 conversations
}

// A stream, such as an upload, or what kubectl exec prints. It is read once; with
// Reread it is kept until Close, so that it can be written.
func ExampleStitch_stream() {
	upload, err := os.Open("../testdata/pcaps/any-sll2-any.pcap")
	if err != nil {
		log.Fatal(err)
	}
	defer upload.Close()
	r, err := mesh.Stitch(context.Background(), []mesh.Input{{Name: "upload", Reader: upload}}, &mesh.Options{Reread: true})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	sum, err := r.WriteCapture(context.Background(), io.Discard, nil)
	fmt.Println(sum.Streams, "streams", err)
	// Output: 4 streams <nil>
}

// Who must not wait gives up: reading, deciding and writing end soon after.
func ExampleStitch_timeout() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Nanosecond)
	defer cancel()
	r, err := mesh.Stitch(ctx, []mesh.Input{{Name: "../testdata/pcaps/inbound-plain-eth0.pcap"}}, nil)
	fmt.Println(r != nil, errors.Is(err, context.DeadlineExceeded))
	// Output: false true
}

// A file that is missing is no reason to throw away what the other one shows.
func ExampleInputError() {
	r, err := mesh.Stitch(context.Background(), []mesh.Input{
		{Name: "../testdata/pcaps/inbound-plain-eth0.pcap"},
		{Name: "inbound-plain-lo.pcap"},
	}, nil)
	if r == nil {
		log.Fatal(err)
	}
	defer r.Close()
	var e *mesh.InputError
	if errors.As(err, &e) {
		fmt.Println("input", e.Input, e.Name, "not there:", errors.Is(err, os.ErrNotExist))
	}
	fmt.Println(len(r.Legs), "legs without it")
	// Output:
	// input 1 inbound-plain-lo.pcap not there: true
	// 5 legs without it
}

// A capture for Wireshark in which every conversation is one TCP stream.
func ExampleResult_WriteFile() {
	r, err := mesh.Stitch(context.Background(), []mesh.Input{
		{Name: "../testdata/pcaps/inbound-plain-eth0.pcap"},
		{Name: "../testdata/pcaps/inbound-plain-lo.pcap"},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "stitched.pcapng")
	sum, err := r.WriteFile(context.Background(), name, &mesh.WriteOptions{Comments: mesh.CommentNone, Version: "1.2"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sum.Streams, "streams,", sum.Joined, "of them joined")

	again, err := capture.Open(name, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer again.Close()
	fmt.Println(again.Application())
	// Output:
	// 5 streams, 5 of them joined
	// pcapmesh 1.2
}

// The legs as they are, one by one, with the addresses that were captured.
func ExampleResult_WriteCapture() {
	r, err := mesh.Stitch(context.Background(), []mesh.Input{
		{Name: "../testdata/pcaps/inbound-plain-eth0.pcap"},
		{Name: "../testdata/pcaps/inbound-plain-lo.pcap"},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	var file bytes.Buffer
	sum, err := r.WriteCapture(context.Background(), &file, &mesh.WriteOptions{View: mesh.ViewLegs, Comments: mesh.CommentAll, NoNames: true})
	fmt.Println(sum.Streams, "streams of", len(r.Legs), "legs", err)
	// Output: 10 streams of 10 legs <nil>
}

// What both ends of the first conversation said in their first exchange.
func ExampleResult_Follow() {
	r, err := mesh.Stitch(context.Background(), []mesh.Input{
		{Name: "../testdata/pcaps/outbound-plain-vip-eth0.pcap"},
		{Name: "../testdata/pcaps/outbound-plain-vip-lo.pcap"},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	for c, err := range r.Follow(context.Background(), 0, 0) {
		if err != nil {
			log.Fatal(err)
		}
		line, _, _ := bytes.Cut(c.Data, []byte("\r\n"))
		fmt.Printf("reply %v, packet %d: %s\n", c.Reply, c.Ref.Packet, line)
		if c.Reply {
			break
		}
	}
	// Output:
	// reply false, packet 14: GET /a3/item/0?size=606&delay=5 HTTP/1.1
	// reply true, packet 19: HTTP/1.1 200 OK
}

// The packets of one leg, as they were captured.
func ExampleResult_Packets() {
	r, err := mesh.Stitch(context.Background(), []mesh.Input{
		{Name: "../testdata/pcaps/inbound-plain-eth0.pcap"},
		{Name: "../testdata/pcaps/inbound-plain-lo.pcap"},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	n := 0
	for p, err := range r.Packets(context.Background(), 0) {
		if err != nil {
			log.Fatal(err)
		}
		if n++; n <= 3 {
			fmt.Println(r.Inputs[p.Ref.Input].Points[p.Interface].Name, p.Ref.Packet, p.WireLen)
		}
	}
	fmt.Println(n, "packets")
	// Output:
	// eth0 3 74
	// eth0 4 74
	// eth0 5 66
	// 19 packets
}

// Keys of TLS connections, as a client writes them with SSLKEYLOGFILE.
func ExampleOptions_keyLogs() {
	inputs := []mesh.Input{{Name: "../testdata/pcaps/mtls-http-eth0.pcap.gz"}, {Name: "../testdata/pcaps/mtls-http-lo.pcap.gz"}}
	r, err := mesh.Stitch(context.Background(), inputs, &mesh.Options{KeyLogs: []string{"../testdata/pcaps/mtls-http-keys.txt"}, Reread: true})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	decrypted := 0
	for _, l := range r.Legs {
		if l.Decrypted {
			decrypted++
		}
	}
	fmt.Println(decrypted, "legs decrypted")
	// Output: 40 legs decrypted
}
