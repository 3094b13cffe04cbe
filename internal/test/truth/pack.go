package truth

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
)

// Unpacked returns the capture in a gzip file, or data itself.
func Unpacked(data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte{0x1F, 0x8B}) {
		return data, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// Pack gzips a file in place of the original.
func Pack(name string) error {
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
