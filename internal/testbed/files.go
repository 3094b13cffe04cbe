package testbed

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// files lists the captures with their sizes and sums.
func (e *evidence) files() ([]File, error) {
	var out []File
	for _, s := range e.sniffers {
		names := []string{s.file}
		if s.rotated {
			more, err := filepath.Glob(filepath.Join(e.dir, s.file+"*"))
			if err != nil {
				return nil, err
			}
			names = names[:0]
			for _, n := range more {
				names = append(names, filepath.Base(n))
			}
		}
		for _, n := range names {
			f, err := describe(filepath.Join(e.dir, n))
			if err != nil {
				return nil, err
			}
			f.Pod, f.Interface = s.pod, s.iface
			out = append(out, f)
		}
	}
	return out, nil
}

// describe counts and hashes one capture.
func describe(name string) (File, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return File{}, err
	}
	sum := sha256.Sum256(data)
	if data, err = unpacked(data); err != nil {
		return File{}, fmt.Errorf("%s: %w", name, err)
	}
	f := File{Name: filepath.Base(name), SHA256: hex.EncodeToString(sum[:])}
	err = records(data, func(record) { f.Packets++ })
	if err != nil {
		return f, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// unpacked returns the capture in a gzip file, or data itself.
func unpacked(data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte{0x1F, 0x8B}) {
		return data, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
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

// Trim makes dir small enough to ship: it gzips large truths, access logs and
// tables, and removes large logs of the proxy, which access logs have in a
// better form.
func Trim(dir string) error {
	for _, rule := range []struct {
		pattern string
		most    int64 // bytes
		shrink  func(string) error
	}{
		{"*-truth.json", 192 << 10, pack},
		{"*-access.log", 32 << 10, pack},
		{"*-access.json", 32 << 10, pack},
		{"*-conntrack-events.txt", 16 << 10, pack},
		{"*-conntrack.txt", 16 << 10, pack},
		{"*-haproxy.log", 8 << 10, os.Remove},
	} {
		names, err := filepath.Glob(filepath.Join(dir, rule.pattern))
		if err != nil {
			return err
		}
		for _, n := range names {
			if err := above(n, rule.most, rule.shrink); err != nil {
				return err
			}
		}
	}
	return nil
}

// above shrinks a file of more than so many bytes.
func above(name string, most int64, shrink func(string) error) error {
	info, err := os.Stat(name)
	if err != nil || info.Size() <= most {
		return err
	}
	return shrink(name)
}

// pack gzips a file in place of the original.
func pack(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var z bytes.Buffer
	w, err := gzip.NewWriterLevel(&z, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := os.WriteFile(name+".gz", z.Bytes(), 0o644); err != nil {
		return err
	}
	return os.Remove(name)
}
