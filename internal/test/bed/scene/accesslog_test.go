//go:build linux

package scene_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/scene"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// tied is what a line of an access log ties: the client's end and what it
// dialled, the proxy's end and whom it dialled.
type tied struct{ client, dialled, from, to string }

// Istio's default format since 1.23, as far as the test needs it.
var accessLine = regexp.MustCompile(`^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] "\S+ \S+ \S+" \d+ \S+ \S+ \S+ "[^"]*" \d+ \d+ \d+ (?:\d+|-) ` +
	`"[^"]*" "[^"]*" "[^"]*" "[^"]*" "([^"]*)" (?:inbound\|\d+\|\||outbound\|\d+\|\|svc\S*|PassthroughCluster) (\S+) (\S+) (\S+) \S+ \S+$`)

// A shipped access log ties the legs that the truth ties, as often.
func TestAccessLogs(t *testing.T) {
	n := 0
	for _, s := range scene.Shipped() {
		text, err := accessOf(s.Name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		n++
		t.Run(s.Name, func(t *testing.T) { holdAccess(t, s.Name, text) })
	}
	if n < 30 {
		t.Errorf("%d access logs", n)
	}
}

func holdAccess(t *testing.T, scenario string, text []byte) {
	truth, err := truth.Read(truth.Path(shipped, scenario))
	if err != nil {
		t.Fatal(err)
	}
	lines := map[tied]int{}
	for line := range bytes.Lines(text) {
		m := accessLine.FindSubmatch(bytes.TrimSuffix(line, []byte("\n")))
		if m == nil {
			t.Fatalf("not the format: %s", line)
		}
		lines[tied{client: string(m[4]), dialled: string(m[3]), from: string(m[2]), to: string(m[1])}]++
	}
	exchanges, more := map[tied]int{}, map[tied]bool{}
	for k, n := range answered(truth) { // several incarnations of a tuple may be one key
		from, _ := truth.Leg(k[0])
		to, _ := truth.Leg(k[1])
		exchanges[tiesOf(from, to)] += n
		more[tiesOf(from, to)] = from.Midstream || to.Midstream
	}
	for k, want := range exchanges {
		if got := lines[k]; got < want || got > want && !more[k] {
			t.Errorf("%v: %d lines, %d exchanges", k, got, want)
		}
	}
}

// answered counts, by legs, the exchanges of which the last attempt went there.
func answered(known *truth.Truth) map[[2]string]int {
	type exchange struct {
		leg string
		no  int
	}
	last := map[exchange]truth.Link{}
	n := map[[2]string]int{}
	for _, l := range known.Links {
		k := exchange{l.From, l.FromExchange}
		if before, ok := last[k]; ok {
			n[[2]string{before.From, before.To}]--
		}
		if before := last[k]; l.Attempt < before.Attempt {
			l = before
		}
		last[k] = l
		n[[2]string{l.From, l.To}]++
	}
	return n
}

// tiesOf is the line of an exchange over two legs.
func tiesOf(from, to *truth.Leg) tied {
	x := tied{from.OrigSrc, from.OrigDst, to.OrigSrc, to.OrigDst}
	if from.RequestSrc != "" {
		x.client = from.RequestSrc
	}
	if to.Refused {
		x.from = "-"
	}
	return x
}

// accessOf reads the access log of a scenario, gzipped or not.
func accessOf(scenario string) ([]byte, error) {
	name := filepath.Join(shipped, scenario+"-access.log")
	text, err := os.ReadFile(name)
	if !errors.Is(err, os.ErrNotExist) {
		return text, err
	}
	packed, err := os.ReadFile(name + ".gz")
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}
