package testbed

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
)

// thin removes records of a pcap at random, one of so many, as a capture under
// load misses packets.
func thin(name string, of int, rng *rand.Rand) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if len(data) < 24 || binary.LittleEndian.Uint32(data) == 0x0A0D0D0A {
		return fmt.Errorf("%s: no pcap", name)
	}
	kept, rest := data[:24:24], data[24:]
	for len(rest) >= 16 {
		n := 16 + int(binary.LittleEndian.Uint32(rest[8:]))
		if rng.IntN(of) > 0 {
			kept = append(kept, rest[:n]...)
		}
		rest = rest[n:]
	}
	return os.WriteFile(name, kept, 0o644)
}
