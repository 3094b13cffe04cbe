// Command gen writes synthetic captures for measuring speed and memory:
//
//	gen -mix mtu|lo|small [-size BYTES] [-conns N] [-open N] [-seed N] -o FILE
//
// Half of the connections speak HTTP/1.1, half carry random bytes. All are
// whole: handshake, consecutive sequence numbers, right checksums, close. Of a
// thousand data packets one is sent twice and two change places with the packet
// behind them. Beside FILE it leaves FILE.want, a JSON object with what is to
// be found in it. The same flags always give the same bytes.
//
//	mix    segments        conns    open at once   like
//	mtu    1448            2,000    2,000          eth0, offloads off
//	lo     32 KB - 64 KB   500      200            127.0.0.6 to the application
//	small  0 - 134         200,000  5,000          chatty services
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
)

func main() {
	name := flag.String("mix", "mtu", "mtu, lo or small")
	size := flag.Int64("size", 1<<30, "bytes of the capture, nearly")
	conns := flag.Int("conns", 0, "connections (0: the mix's number)")
	open := flag.Int("open", 0, "connections open at once (0: the mix's number)")
	seed := flag.Uint64("seed", 1, "varies everything that is left to chance")
	out := flag.String("o", "", "file to write")
	flag.Parse()
	if err := run(*name, *size, *conns, *open, *seed, *out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(name string, size int64, conns, open int, seed uint64, out string) error {
	m, ok := mixes[name]
	if !ok || out == "" {
		return fmt.Errorf("needs -mix mtu, lo or small, and -o")
	}
	m.conns, m.open = cmp.Or(conns, m.conns), cmp.Or(open, m.open)
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	want, err := generate(w, m, size, seed)
	if err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return writeWant(out+".want", want)
}

// writeWant leaves what is to be found in a capture beside it.
func writeWant(name string, want any) error {
	text, err := json.MarshalIndent(want, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644)
}
