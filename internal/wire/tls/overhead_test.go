package tls_test

import (
	"errors"
	"fmt"
	"testing"

	mytls "github.com/pcapmesh/pcapmesh/internal/wire/tls"
)

// What a record adds to what it holds, by version and suite.
func TestOverhead(t *testing.T) {
	for _, tc := range []struct {
		version, suite uint16
		least, slack   int64
	}{
		{0x0304, 0x1301, 17, 0}, {0x0304, 0x1302, 17, 0}, {0x0304, 0x1303, 17, 0}, {0x0304, 0x1304, 17, 0}, {0x0304, 0x1305, 9, 0}, {0x0304, 0x1306, 17, 0},
		{0, 0, 17, 0}, {0, 0x1305, 9, 0}, {0, 0xc02f, 17, 0}, {0x0303, 0, 17, 0}, {0x0300, 0xc02f, 17, 0}, {0x0305, 0xc02f, 17, 0},
		{0x0303, 0xc02f, 24, 0}, {0x0303, 0x009c, 24, 0}, {0x0303, 0xffff, 24, 0},
		{0x0303, 0xcca7, 24, 0}, {0x0303, 0xcca8, 16, 0}, {0x0303, 0xccae, 16, 0}, {0x0303, 0xccaf, 24, 0},
		{0x0303, 0xc09b, 24, 0}, {0x0303, 0xc09c, 24, 0}, {0x0303, 0xc09f, 24, 0}, {0x0303, 0xc0a0, 16, 0}, {0x0303, 0xc0a3, 16, 0}, {0x0303, 0xc0a4, 24, 0},
		{0x0303, 0xc0ad, 24, 0}, {0x0303, 0xc0ae, 16, 0}, {0x0303, 0xc0af, 16, 0}, {0x0303, 0xc0b0, 24, 0},
		{0x0301, 0x002f, 37, 15}, {0x0303, 0x002f, 37, 15}, {0x0303, 0x003c, 49, 15}, {0x0303, 0xc028, 65, 15},
	} {
		t.Run(fmt.Sprintf("%04x %04x", tc.version, tc.suite), func(t *testing.T) {
			if least, slack := mytls.Overhead(tc.version, tc.suite); least != tc.least || slack != tc.slack {
				t.Errorf("%d and %d, want %d and %d", least, slack, tc.least, tc.slack)
			}
		})
	}
}

func TestFinishedLen(t *testing.T) {
	for _, tc := range []struct {
		suite uint16
		want  int64
	}{
		{0x1301, 36}, {0x1302, 52}, {0x1303, 36}, {0, 36},
	} {
		if got := mytls.FinishedLen(tc.suite); got != tc.want {
			t.Errorf("%04x: %d, want %d", tc.suite, got, tc.want)
		}
	}
}

func TestVersionName(t *testing.T) {
	for v, want := range map[uint16]string{0: "", 0x0300: "", 0x0301: "1.0", 0x0302: "1.1", 0x0303: "1.2", 0x0304: "1.3", 0x0305: "", 0x7f1c: ""} {
		if got := mytls.VersionName(v); got != want {
			t.Errorf("%04x is %q, want %q", v, got, want)
		}
	}
}

// Which versions and suites can be opened.
func TestSuites(t *testing.T) {
	for _, tc := range []struct {
		version, suite uint16
		want           bool
	}{
		{0x0304, 0x1301, true}, {0x0304, 0x1302, true}, {0x0304, 0x1303, true}, {0x0304, 0x1304, false}, {0x0304, 0xc02f, false}, {0x0304, 0x002f, false},
		{0x0303, 0x1301, false}, {0x0303, 0xc02f, true}, {0x0303, 0x009d, true}, {0x0303, 0xcca8, true}, {0x0303, 0x002f, true}, {0x0303, 0x003c, true}, {0x0303, 0xc028, true}, {0x0303, 0xffff, false},
		{0x0302, 0x002f, true}, {0x0302, 0x0035, true}, {0x0302, 0x003c, false}, {0x0302, 0xc02f, false}, {0x0302, 0xc028, false},
		{0x0301, 0x002f, true}, {0x0301, 0x003c, false}, {0x0300, 0x002f, false}, {0x0305, 0x1301, false}, {0, 0x002f, false},
	} {
		t.Run(fmt.Sprintf("%04x %04x", tc.version, tc.suite), func(t *testing.T) {
			_, err := mytls.NewDecrypter(&mytls.Session{Version: tc.version, Suite: tc.suite}, new(mytls.KeyLog), true)
			want := mytls.ErrUnsupported
			if tc.want {
				want = mytls.ErrNoSecret
			}
			if !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		})
	}
}
