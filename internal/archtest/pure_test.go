package archtest

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// The three bars of package mesh, and what stands beside them. A new file must
// choose one.
var (
	index = []string{"chunk.go", "cut.go", "decrypt.go", "dnsscan.go", "group.go", "h2.go", "h2gather.go", "index.go", "message.go", "metadata.go", "recordread.go", "reread.go", "stitch.go", "turn.go", "unseal.go"}

	decide = []string{
		"algebra.go", "align.go", "bind.go", "candidate.go", "conn.go", "curve.go", "dns.go", "dnsnat.go", "dnspair.go", "dnsrole.go", "evidence.go", "exchange.go", "forwarded.go", "gateway.go", "h2pair.go", "h2plan.go", "hbone.go", "hbone_burst.go", "hbone_cover.go", "hbone_path.go", "hbone_stream.go", "head.go", "hidden.go", "hop.go", "intercept.go", "item.go", "join.go", "keep.go", "ledger.go", "leg.go", "lie.go", "logentry.go", "logged.go", "loggedfail.go", "loggedwhole.go", "marginal.go", "match.go", "multiplex.go", "names.go", "nat.go", "order.go", "path.go", "place.go", "plaintext.go", "plan.go",
		"probe.go", "process.go", "rank.go", "recognise.go", "record.go", "role.go", "scaling.go", "sealed.go", "segment.go", "shelf.go", "shift.go", "sighting.go", "solve.go", "stray.go", "stream.go",
		"ticket.go", "tie.go", "tlsfacts.go", "trust.go", "unread.go", "worker.go",
	}

	emit = []string{"dnswrite.go", "embed.go", "follow.go", "h2write.go", "output.go", "rebuild.go", "rewrite.go", "sink.go", "spool.go"}

	beside = []string{"doc.go"}
)

func TestEveryMeshFileHasABar(t *testing.T) {
	bars := slices.Concat(index, decide, emit, beside)
	var found []string
	for _, s := range sources(t) {
		if s.dir != "mesh" || s.isTest() {
			continue
		}
		found = append(found, s.name)
		if !slices.Contains(bars, s.name) {
			t.Errorf("mesh/%s belongs to no bar: Index, Decide or Emit?", s.name)
		}
	}
	for _, name := range bars {
		if !slices.Contains(found, name) {
			t.Errorf("mesh/%s is listed here but is gone", name)
		}
	}
}

// impure says what the files of Decide must not import: the world outside, and
// what makes two runs differ.
var impure = []string{
	"bufio", "context", "crypto/rand", "io", "io/fs", "io/ioutil", "log", "log/slog", "math/rand", "math/rand/v2",
	"net", "net/http", "os", "os/exec", "path/filepath", "runtime", "sync", "sync/atomic", "syscall",
	"./internal/pcaptest", "./internal/report",
}

// touching lists, by package, the names that read a clock or a file. Types and
// constants of time and capture are fine.
var touching = map[string][]string{
	"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Local", "LoadLocation"},
	"capture": {
		"Open", "OpenInput", "OpenLive", "NewReader", "NewMerger", "NewDecoder", "NewWriter", "NewPcapWriter", "NewPacketSource",
		"Input", "InputOptions", "Live", "Merger", "PacketSource", "PcapWriter", "Reader", "Writer",
	},
	"reassembly": {"Read", "Assembler", "NewAssembler", "Consumer"},
}

func TestDecideIsPure(t *testing.T) {
	for _, s := range sources(t) {
		if s.dir == "mesh" && slices.Contains(decide, s.name) {
			for _, fault := range impurities(s) {
				t.Errorf("%s: %s: the same index must always give the same result", s.path(), fault)
			}
		}
	}
}

// impurities lists what a file does that a pure function does not.
func impurities(s *source) []string {
	var faults []string
	for _, i := range s.imports {
		if slices.Contains(impure, i) {
			faults = append(faults, "imports "+i)
		}
	}
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			faults = append(faults, "starts a goroutine")
		case *ast.SelectStmt:
			faults = append(faults, "selects")
		case *ast.SelectorExpr:
			pkg, ok := n.X.(*ast.Ident)
			if ok && slices.Contains(touching[pkg.Name], n.Sel.Name) {
				faults = append(faults, "uses "+pkg.Name+"."+n.Sel.Name)
			}
		}
		return true
	})
	return faults
}

// The check itself must see what it is for.
func TestImpuritiesAreSeen(t *testing.T) {
	for _, s := range sources(t) {
		if s.dir != "mesh" || !slices.Contains([]string{"stitch.go", "rewrite.go", "reread.go"}, s.name) {
			continue
		}
		if len(impurities(s)) == 0 {
			t.Errorf("%s reads files, and nothing of it was seen", s.path())
		}
	}
}

// A library reports by what it returns.
func TestLibrariesDoNotPrint(t *testing.T) {
	silent := []string{"capture", "capture/filter", "reassembly", "mesh", "internal/arena", "internal/fingerprint", "internal/http1", "internal/http2", "internal/tls", "internal/report"}
	loud := []string{"Print", "Printf", "Println"}
	for _, s := range sources(t) {
		if s.isTest() || !slices.Contains(silent, s.dir) && !strings.HasPrefix(s.dir, "mesh/") {
			continue
		}
		if slices.Contains(s.imports, "log") || slices.Contains(s.imports, "log/slog") || slices.Contains(s.imports, "flag") {
			t.Errorf("%s imports log or flag", s.path())
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, _ := sel.X.(*ast.Ident)
			switch {
			case pkg == nil:
			case pkg.Name == "fmt" && slices.Contains(loud, sel.Sel.Name),
				pkg.Name == "os" && slices.Contains([]string{"Stdout", "Stderr", "Exit"}, sel.Sel.Name):
				t.Errorf("%s uses %s.%s", s.path(), pkg.Name, sel.Sel.Name)
			}
			return true
		})
	}
}
