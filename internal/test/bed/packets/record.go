package packets

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// Describe counts and hashes one capture.
func Describe(name string) (truth.File, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return truth.File{}, err
	}
	sum := sha256.Sum256(data)
	if data, err = truth.Unpacked(data); err != nil {
		return truth.File{}, fmt.Errorf("%s: %w", name, err)
	}
	f := truth.File{Name: filepath.Base(name), SHA256: hex.EncodeToString(sum[:])}
	err = records(data, func(record) { f.Packets++ })
	if err != nil {
		return f, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// record is one packet record of a capture.
type record struct {
	link   uint32 // LINKTYPE_
	iface  int    // pcapng interface, 0 in pcap
	data   []byte
	length int // on the wire
}

// records walks the records of a pcap or pcapng of this machine's byte order,
// which is all that the tools here write.
func records(data []byte, f func(record)) error {
	le := binary.LittleEndian
	if len(data) >= 4 && le.Uint32(data) == 0x0A0D0D0A {
		return blocks(data, f)
	}
	if len(data) < 24 {
		return fmt.Errorf("no pcap header in %d bytes", len(data))
	}
	link := le.Uint32(data[20:]) & 0xFFFF
	for rest := data[24:]; len(rest) > 0; {
		if len(rest) < 16 || len(rest) < 16+int(le.Uint32(rest[8:])) {
			return fmt.Errorf("cut off %d bytes before the end", len(rest))
		}
		n := int(le.Uint32(rest[8:]))
		f(record{link: link, data: rest[16 : 16+n], length: int(le.Uint32(rest[12:]))})
		rest = rest[16+n:]
	}
	return nil
}

// blocks walks interface (1) and enhanced packet (6) blocks of a pcapng.
func blocks(data []byte, f func(record)) error {
	le := binary.LittleEndian
	var links []uint32
	for rest := bytes.Clone(data); len(rest) > 0; {
		if len(rest) < 12 || len(rest) < int(le.Uint32(rest[4:])) || le.Uint32(rest[4:]) < 12 {
			return fmt.Errorf("cut off %d bytes before the end", len(rest))
		}
		body := rest[8 : le.Uint32(rest[4:])-4]
		switch le.Uint32(rest) {
		case 1:
			links = append(links, uint32(le.Uint16(body)))
		case 6:
			i, n := int(le.Uint32(body)), int(le.Uint32(body[12:]))
			f(record{link: links[i], iface: i, data: body[20 : 20+n], length: int(le.Uint32(body[16:]))})
		}
		rest = rest[le.Uint32(rest[4:]):]
	}
	return nil
}
