//go:build linux

package main

import (
	"os"
	"path/filepath"

	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// trim makes dir small enough to ship: it gzips large truths, access logs and
// tables, and removes large logs of the proxy, of which access logs have in a
// better form what users have.
func trim(dir string) error {
	for _, rule := range []struct {
		pattern string
		most    int64 // bytes
		shrink  func(string) error
	}{
		{"envoy-*-truth.json", 24 << 10, truth.Pack},
		{"envoy-*-access.log", 8 << 10, truth.Pack},
		{"*-truth.json", 192 << 10, truth.Pack},
		{"*-access.log", 32 << 10, truth.Pack},
		{"*-access.json", 32 << 10, truth.Pack},
		{"*-conntrack-events.txt", 16 << 10, truth.Pack},
		{"*-conntrack.txt", 16 << 10, truth.Pack},
		{"*-haproxy.log", 8 << 10, os.Remove},
		{"*-envoy.log", 8 << 10, os.Remove},
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
