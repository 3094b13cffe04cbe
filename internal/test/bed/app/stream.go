//go:build linux

package app

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

// Streaming is a body that is sent in pieces while the response arrives.
type Streaming struct {
	pieces [][]byte
	pause  time.Duration // before each
}

// Stream makes a body of n pieces.
func (a *Apps) Stream(n, most int) *Streaming {
	s := &Streaming{pause: time.Duration(a.Between(500, 3000)) * time.Microsecond}
	for range n {
		s.pieces = append(s.pieces, a.Random(a.Between(1, most)))
	}
	return s
}

// reader gives the pieces in their time.
func (s *Streaming) reader() io.Reader {
	r, w := io.Pipe()
	go func() {
		for _, p := range s.pieces {
			time.Sleep(s.pause)
			if _, err := w.Write(p); err != nil {
				return
			}
		}
		_ = w.Close()
	}()
	return r
}

// chunked writes the pieces as chunks (RFC 9112 §7.1).
func (s *Streaming) chunked(w io.Writer) error {
	for _, p := range s.pieces {
		time.Sleep(s.pause)
		if _, err := fmt.Fprintf(w, "%x\r\n%s\r\n", len(p), p); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "0\r\n\r\n")
	return err
}

// echo answers with the request's body while that still arrives.
func echo(w http.ResponseWriter, r *http.Request) {
	c := http.NewResponseController(w)
	_ = c.EnableFullDuplex() // HTTP/2 has no need of it
	w.WriteHeader(http.StatusOK)
	_ = c.Flush()
	buf := make([]byte, 2000)
	for {
		n, err := r.Body.Read(buf)
		if _, werr := w.Write(buf[:n]); werr != nil || err != nil {
			return
		}
		_ = c.Flush()
	}
}
