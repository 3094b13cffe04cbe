package report_test

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/internal/report"
)

var header = []string{"STREAM", "CLIENT", "conn_id", "JOINED BY"}

var rows = [][]string{
	{"0", "192.0.2.10:47254", "", "request id"},
	{"12345678", "[fd00::5]:4000", "a  b", ""},
	{"", "ünï→", "\x1b[31mred\nline\xff", " led and trailed "},
	{"x\ufffdy", "\xff", "\u0085", "\x7f"},
}

const want = `STREAM    CLIENT            conn_id                  JOINED BY
0         192.0.2.10:47254                           request id
12345678  [fd00::5]:4000    a  b
          ünï→              \x1b[31mred\x0aline\xff   led and trailed
x�y       \xff              \xc2\x85                 \x7f
`

func TestTable(t *testing.T) {
	var out bytes.Buffer
	if err := report.Table(&out, header, rows); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTablePlain checks that long tables look like short ones.
func TestTablePlain(t *testing.T) {
	var out bytes.Buffer
	if err := report.Plain(&out, header, rows); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTableLong(t *testing.T) {
	var long [][]string
	for i := range 5000 {
		long = append(long, []string{strconv.Itoa(i), "x"})
	}
	var out bytes.Buffer
	if err := report.Table(&out, []string{"A", "B"}, long); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if got, want := len(lines), 5002; got != want { // header, rows, and what follows the last line break
		t.Fatalf("%d lines, want %d", got, want)
	}
	for i, want := range map[int]string{0: "A     B", 1: "0     x", 5000: "4999  x"} {
		if got := lines[i]; got != want {
			t.Errorf("line %d is %q, want %q", i, got, want)
		}
	}
}

func TestTableEmpty(t *testing.T) {
	var out bytes.Buffer
	err := report.Table(&out, []string{"A", "B"}, nil)
	if got, want := out.String(), "A  B\n"; got != want || err != nil {
		t.Errorf("printed %q, error %v; want %q, none", got, err, want)
	}
}

// TestTableError checks that an error of the writer comes back from both ways
// of printing.
func TestTableError(t *testing.T) {
	for _, n := range []int{1, 2000} {
		if err := report.Table(failing{}, []string{"A"}, make([][]string, n)); !errors.Is(err, errFull) {
			t.Errorf("%d rows: error %v, want %v", n, err, errFull)
		}
	}
}

var errFull = errors.New("full")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }
