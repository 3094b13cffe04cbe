package arch

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
)

// The page that explains how it works shows prints of bodies in a table. They
// are those of what follow prints.
func TestHowItWorksShowsRealPrints(t *testing.T) {
	page := readFile(t, "docs/how-it-works.md")
	dir := playground(t)
	build(t, filepath.Join(dir, "pcapmesh"), "./cmd/pcapmesh")
	for _, tt := range []struct {
		name             string
		stream, exchange int
		side             string
	}{
		{"0/1, eth0", 0, 1, "client"},
		{"1/2, eth0", 1, 2, "client"},
		{"2/2, eth0", 2, 2, "client"},
		{"1/2, lo", 1, 2, "server"},
	} {
		raw := shell(t, dir, fmt.Sprintf("pcapmesh follow --stream %d --exchange %d --bytes %s --as raw testdata/pcaps/no-request-id-*.pcap", tt.stream, tt.exchange, tt.side))
		p := printOf(t, raw)
		row := fmt.Sprintf("| %s | %s | `%016x` | `%016x` |", tt.name, thousands(p.Len), p.First, p.Last)
		if !strings.Contains(page, row) {
			t.Errorf("docs/how-it-works.md lacks the row\n%s", row)
		}
	}
}

// printOf returns the print of the response's body in an exchange.
func printOf(t *testing.T, raw []byte) fingerprint.Print {
	t.Helper()
	r := bufio.NewReader(bytes.NewReader(raw))
	req, err := http.ReadRequest(r)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(r, req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var s fingerprint.Sampler
	s.Reset(int64(len(body)))
	s.Write(body)
	return s.Sum()
}

// thousands prints a number below a million with its comma.
func thousands(n int64) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
