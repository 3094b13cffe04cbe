package arch

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// below lists, for each package, which of ours its code may import. A pattern
// that ends in * covers what begins so. The direction is
//
//	cmd/pcapmesh → internal/report → mesh → reassembly → capture/tcpip → capture → capture/linktype
//
// and a package that stands here nowhere needs a place first.
var below = map[string][]string{
	"capture/linktype":  {},
	"capture":           {"./capture/linktype", "./internal/cancel", "./internal/scratch"},
	"capture/tcpip":     {"./capture", "./capture/linktype"},
	"capture/live":      {"./capture", "./capture/linktype"},
	"capture/filter":    {},
	"capture/gopackets": {"./capture", "./capture/linktype"},
	"reassembly":        {"./capture", "./capture/tcpip"},

	// What was found, and what is known beforehand: plain data.
	"mesh/cluster": {},
	"mesh/profile": {},
	"mesh/record":  {"./capture", "./capture/tcpip"},
	"mesh/flow":    {"./capture", "./capture/tcpip", "./mesh/record"},
	"mesh/names":   {"./capture", "./capture/tcpip", "./mesh/record"},

	// Index, Decide, Emit, and the face.
	"mesh/internal/index/scan": {
		"./capture", "./capture/tcpip", "./internal/arena", "./internal/wire/fingerprint", "./internal/wire/http1", "./internal/wire/http2", "./internal/wire/tls",
		"./reassembly",
	},
	"mesh/internal/index": {
		"./capture", "./capture/tcpip", "./internal/arena", "./internal/cancel", "./internal/wire/http1", "./internal/wire/tls", "./mesh/internal/index/scan", "./mesh/profile",
		"./reassembly",
	},
	"mesh/internal/clocks": {"./capture/tcpip", "./internal/offset", "./mesh/internal/index"},
	"mesh/internal/recorded": {
		"./capture", "./capture/tcpip", "./internal/arena", "./mesh/accesslog", "./mesh/conntrack", "./mesh/internal/index", "./mesh/profile",
		"./mesh/record", "./mesh/rules", "./mesh/rules/netfilter", "./mesh/sockets",
	},
	"mesh/internal/decide/conn": {
		"./capture", "./capture/tcpip", "./internal/arena", "./mesh/internal/index", "./mesh/internal/index/scan", "./mesh/internal/recorded",
		"./mesh/profile", "./reassembly",
	},
	"mesh/internal/decide/graph": {
		"./capture", "./capture/tcpip", "./internal/arena", "./internal/wire/tls", "./mesh/flow", "./mesh/internal/decide/conn", "./mesh/internal/index",
		"./mesh/internal/index/scan", "./mesh/internal/recorded", "./reassembly",
	},
	"mesh/internal/decide/dns": {
		"./capture", "./capture/tcpip", "./internal/arena", "./mesh/internal/decide/graph", "./mesh/internal/index", "./mesh/internal/recorded",
		"./mesh/names",
	},
	"mesh/internal/decide/role": {
		"./capture/tcpip", "./mesh/cluster", "./mesh/flow", "./mesh/internal/decide/conn", "./mesh/internal/decide/graph",
		"./mesh/internal/index", "./mesh/internal/recorded", "./mesh/profile", "./mesh/record",
	},
	"mesh/internal/decide/crossing": {
		"./capture", "./capture/tcpip", "./internal/assign", "./internal/wire/fingerprint", "./mesh/flow", "./mesh/internal/decide/graph",
		"./mesh/internal/index", "./mesh/internal/index/scan", "./mesh/internal/recorded", "./mesh/record",
	},
	"mesh/internal/decide/turn": {
		"./mesh/flow",
		"./internal/wire/tls", "./mesh/internal/decide/conn", "./mesh/internal/decide/crossing", "./mesh/internal/decide/graph",
		"./mesh/internal/index", "./mesh/internal/index/scan",
	},
	"mesh/internal/decide/odds": {"./mesh/internal/index"},
	"mesh/internal/decide/pooled": {
		"./capture", "./internal/pool", "./mesh/flow", "./mesh/internal/decide/crossing", "./mesh/internal/decide/graph", "./mesh/internal/decide/turn",
	},
	"mesh/internal/decide/algebra": {
		"./capture", "./capture/tcpip", "./internal/assign", "./internal/wire/fingerprint", "./mesh/flow", "./mesh/internal/decide/crossing",
		"./mesh/internal/decide/graph", "./mesh/internal/decide/odds", "./mesh/internal/decide/pooled", "./mesh/internal/decide/turn", "./mesh/internal/index", "./mesh/internal/index/scan",
	},
	"mesh/internal/decide/tries": {
		"./capture", "./internal/assign", "./internal/wire/fingerprint", "./mesh/flow", "./mesh/internal/decide/crossing",
		"./mesh/internal/decide/graph", "./mesh/internal/decide/turn", "./mesh/internal/index", "./mesh/internal/index/scan",
	},
	"mesh/internal/decide/streams": {
		"./capture", "./internal/align", "./internal/wire/fingerprint", "./mesh/flow", "./mesh/internal/decide/crossing", "./mesh/internal/decide/graph",
		"./mesh/internal/decide/turn", "./mesh/internal/index", "./mesh/internal/index/scan",
	},
	"mesh/internal/decide/logged": {
		"./capture", "./capture/tcpip", "./internal/assign", "./internal/wire/fingerprint", "./mesh/flow", "./mesh/internal/decide/crossing",
		"./mesh/internal/decide/graph", "./mesh/internal/decide/tries", "./mesh/internal/decide/turn", "./mesh/internal/index", "./mesh/internal/index/scan",
		"./mesh/internal/recorded", "./mesh/record",
	},
	"mesh/internal/decide/hbone": {
		"./capture", "./internal/assign", "./internal/wire/fingerprint", "./mesh/flow", "./mesh/internal/decide/algebra",
		"./mesh/internal/decide/graph", "./mesh/internal/decide/turn", "./mesh/internal/index", "./mesh/internal/index/scan",
		"./mesh/internal/recorded", "./mesh/profile",
	},
	"mesh/internal/decide/trace": {
		"./capture", "./internal/arena", "./internal/assign", "./internal/wire/fingerprint", "./mesh/flow", "./mesh/internal/decide/crossing",
		"./mesh/internal/decide/graph", "./mesh/internal/index", "./mesh/internal/recorded",
	},
	"mesh/internal/decide/plan": {
		"./capture", "./mesh/flow", "./mesh/internal/decide/graph", "./mesh/internal/decide/trace", "./mesh/internal/index",
		"./mesh/internal/index/scan",
	},
	"mesh/internal/decide": {
		"./capture", "./capture/tcpip", "./mesh/accesslog", "./mesh/cluster", "./mesh/flow", "./mesh/internal/decide/algebra",
		"./mesh/internal/decide/conn", "./mesh/internal/decide/crossing", "./mesh/internal/decide/dns",
		"./mesh/internal/decide/graph", "./mesh/internal/decide/hbone", "./mesh/internal/decide/logged",
		"./mesh/internal/decide/role", "./mesh/internal/decide/streams", "./mesh/internal/decide/trace", "./mesh/internal/decide/tries", "./mesh/internal/index", "./mesh/internal/recorded",
		"./mesh/names", "./mesh/profile", "./mesh/record",
	},
	"mesh/internal/emit": {
		"./capture", "./capture/gopackets", "./capture/linktype", "./capture/tcpip", "./internal/cancel", "./internal/scratch", "./internal/wire/http1", "./internal/wire/http2", "./mesh/internal/decide/graph", "./mesh/internal/decide/plan", "./mesh/internal/index",
		"./mesh/internal/index/scan", "./mesh/names", "./reassembly",
	},
	"mesh/internal/testlegs": {
		"./capture", "./internal/test/pcap", "./mesh/flow", "./mesh/internal/decide/conn", "./mesh/internal/decide/graph",
		"./mesh/internal/index", "./mesh/internal/recorded",
	},
	"mesh": {
		"./capture", "./capture/linktype", "./internal/offset", "./mesh/cluster", "./mesh/flow", "./mesh/internal/clocks", "./mesh/internal/decide", "./mesh/internal/decide/conn",
		"./mesh/internal/decide/graph", "./mesh/internal/decide/plan", "./mesh/internal/decide/trace", "./mesh/internal/emit",
		"./mesh/internal/index", "./mesh/internal/recorded", "./mesh/names", "./mesh/profile", "./mesh/record", "./reassembly",
	},

	// The texts that pods leave.
	"mesh/sockets":                  {},
	"mesh/conntrack":                {"./capture", "./capture/tcpip"},
	"mesh/accesslog":                {"./capture", "./mesh/accesslog/internal/clock"},
	"mesh/accesslog/internal/clock": {},
	"mesh/rules":                    {"./capture/tcpip", "./mesh/profile", "./mesh/rules/netfilter", "./mesh/rules/istio", "./mesh/rules/internal/read", "./mesh/rules/walk"},

	// Rules: what they are, read or made, and walked.
	"mesh/rules/internal/syntax": {},
	"mesh/rules/netfilter":       {"./mesh/rules/internal/syntax"},
	"mesh/rules/internal/draft":  {"./mesh/rules/internal/syntax", "./mesh/rules/netfilter"},
	"mesh/rules/istio":           {"./mesh/rules/internal/syntax", "./mesh/rules/netfilter", "./mesh/rules/internal/draft"},
	"mesh/rules/internal/nft":    {"./mesh/rules/internal/syntax", "./mesh/rules/netfilter", "./mesh/rules/internal/draft"},
	"mesh/rules/internal/read": {"./mesh/rules/internal/syntax", "./mesh/rules/netfilter", "./mesh/rules/internal/draft", "./mesh/rules/istio",
		"./mesh/rules/internal/nft"},
	"mesh/rules/walk": {"./capture/tcpip", "./mesh/rules/internal/syntax", "./mesh/rules/netfilter"},

	"internal/arena":            {},
	"internal/align":            {},
	"internal/assign":           {},
	"internal/pool":             {},
	"internal/cancel":           {},
	"internal/offset":           {},
	"internal/scratch":          {},
	"internal/wire/fingerprint": {},
	"internal/wire/http1":       {"./internal/wire/fingerprint"},
	"internal/wire/http2":       {"./internal/wire/fingerprint"},
	"internal/wire/tls":         {},
	"internal/report":           {"./capture", "./capture/linktype", "./capture/tcpip", "./capture/filter", "./mesh", "./mesh/*"},
	"cmd/pcapmesh":              {"./capture/tcpip", "./capture/filter", "./mesh", "./mesh/*", "./internal/cancel", "./internal/report"},
	"examples/*":                {"./capture", "./capture/gopackets", "./mesh", "./mesh/*"},
	"bench/*":                   {},

	// Truth comes from code that knows nothing of ours: see TestTruthIsIndependent.
	"internal/test/truth":        {},
	"internal/test/bed/packets":  {"./internal/test/truth"},
	"internal/test/bed/world":    {},
	"internal/test/bed/socket":   {bed + "world", "./internal/test/truth"},
	"internal/test/bed/envoy":    {},
	"internal/test/bed/mesh":     {bed + "envoy", bed + "world", "./internal/test/truth"},
	"internal/test/bed/firewall": {bed + "world"},
	"internal/test/bed/app":      {bed + "socket", bed + "world", "./internal/test/truth"},
	"internal/test/bed/assembly": {bed + "mesh", bed + "packets", bed + "socket", bed + "world", "./internal/test/truth"},
	"internal/test/bed/stage":    {bed + "app", bed + "assembly", bed + "mesh", bed + "packets", bed + "world", "./internal/test/truth"},
	"internal/test/bed/real":     {bed + "app", bed + "envoy", bed + "mesh", bed + "stage", bed + "world", "./internal/test/truth"},
	"internal/test/bed/scene":    {bed + "app", bed + "envoy", bed + "mesh", bed + "real", bed + "stage", bed + "world", "./internal/test/truth"},
	"internal/test/bed/run":      {bed + "mesh", bed + "scene", "./internal/test/truth"},

	"mesh/internal/testindex": {"./capture", "./capture/tcpip", "./internal/test/pcap", "./mesh/internal/index", "./mesh/internal/recorded", "./mesh/record"},

	"internal/test/pcap":    {"./capture", "./capture/linktype", "./capture/tcpip"},
	"internal/test/sim":     {"./capture/tcpip", "./internal/test/pcap", "./mesh", "./mesh/flow", "./mesh/names"},
	"internal/test/judge":   {},
	"internal/test/arch":    {},
	"internal/test/mutate":  {},
	"internal/test/skipped": {},
}

// bed begins the names of the testbed's packages.
const bed = "./internal/test/bed/"

// forTests lists the packages that only tests may import, beside commands that
// lie below them.
var forTests = []string{"./internal/test/pcap", "./internal/test/truth", bed + "packets", "./internal/test/judge"}

// aboveRooms lists what tests of the rooms of package mesh may import beside:
// what pods do is stitched, and the result looked at; or no more is made of it than
// the room starts from.
var aboveRooms = []string{"./internal/test/sim", "./mesh", "./mesh/flow", "./mesh/internal/decide/conn", "./mesh/internal/testindex", "./mesh/internal/testlegs", "./mesh/record"}

// across lists the packages whose tests may import all of ours: they look at
// the whole.
var across = []string{"internal/test/judge", "internal/test/arch", "bench/gen"}

func TestImportDirection(t *testing.T) {
	for _, s := range sources(t) {
		allowed, ok := allowedIn(s.dir)
		if !ok {
			t.Errorf("%s: package %s has no place in the architecture; give it one in the table of this test", s.path(), s.dir)
			continue
		}
		if s.isTest() {
			if slices.Contains(across, s.dir) {
				continue
			}
			allowed = append(slices.Concat(allowed, forTests), "./"+s.dir)
			if s.dir == "capture/live" { // the Decoder marks what a Source shows twice
				allowed = append(allowed, "./capture/tcpip")
			}
			if strings.HasPrefix(s.dir, "mesh/rules/") { // tests write rules as people paste them
				allowed = append(allowed, "./mesh/rules")
			}
			if strings.HasPrefix(s.dir+"/", "mesh/internal/") || s.dir == "mesh" {
				allowed = slices.Concat(allowed, aboveRooms, beneath(s.dir))
			}
		}
		for _, i := range s.imports {
			if ours(i) && !matches(allowed, i) {
				t.Errorf("%s imports %s; it may import %v", s.path(), i, allowed)
			}
		}
	}
}

// allowedIn looks up what the code of a directory may import.
func allowedIn(dir string) (allowed []string, ok bool) {
	allowed, ok = below[rowOf(dir)]
	return allowed, ok
}

// rowOf returns the row of the table for a directory: its own, or that of all
// beside it.
func rowOf(dir string) string {
	if _, ok := below[dir]; ok {
		return dir
	}
	return path.Dir(dir) + "/*"
}

// beneath lists what lies below a package, however deep: of that its tests build
// what it is given.
func beneath(dir string) []string {
	all, _ := allowedIn(dir)
	all = slices.Clone(all)
	for i := 0; i < len(all); i++ {
		lower, _ := allowedIn(strings.TrimPrefix(all[i], "./"))
		for _, l := range lower {
			if !slices.Contains(all, l) {
				all = append(all, l)
			}
		}
	}
	return all
}

func ours(imported string) bool { return imported == "." || strings.HasPrefix(imported, "./") }

func matches(patterns []string, imported string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		prefix, wild := strings.CutSuffix(p, "*")
		return p == imported || wild && strings.HasPrefix(imported, prefix)
	})
}

// The table itself must be free of cycles: no package may be allowed what is
// allowed to import it.
func TestDirectionHasNoCycle(t *testing.T) {
	var visit func(dir string, above []string)
	visit = func(dir string, above []string) {
		if slices.Contains(above, dir) {
			t.Errorf("%s lies below itself: %v", dir, above)
			return
		}
		allowed, _ := allowedIn(dir)
		for _, a := range allowed {
			visit(strings.TrimPrefix(a, "./"), append(slices.Clone(above), dir))
		}
	}
	for dir := range below {
		visit(dir, nil)
	}
}

// The testbed and its truth know nothing of what they test: whatever the table
// says, code and tests below internal/test import nothing else of ours.
func TestTruthIsIndependent(t *testing.T) {
	seen := 0
	for _, s := range sources(t) {
		if s.dir != "internal/test/truth" && !strings.HasPrefix(s.dir, "internal/test/bed/") {
			continue
		}
		seen++
		for _, i := range s.imports {
			if ours(i) && i != "./internal/test/truth" && !strings.HasPrefix(i, bed) {
				t.Errorf("%s imports %s: truth comes from code that knows nothing of ours", s.path(), i)
			}
		}
	}
	if seen == 0 {
		t.Error("no testbed was found: this test looks for the wrong path")
	}
}

// gopacketIn lists the files that may import google/gopacket beside tests:
// those at the border, what builds packets for tests, and the example of the
// border.
var gopacketIn = []string{
	"capture/gopackets/*",
	"capture/live/live_linux.go",
	"internal/test/pcap/*",
	"examples/packetsource/main.go",
}

func TestGopacketStaysAtTheBorder(t *testing.T) {
	var found int
	for _, s := range sources(t) {
		if !slices.ContainsFunc(s.imports, gopacket) {
			continue
		}
		found++
		if !s.isTest() && !matches(gopacketIn, s.path()) {
			t.Errorf("%s imports gopacket; only %v and tests do", s.path(), gopacketIn)
		}
	}
	if found == 0 {
		t.Error("nothing imports gopacket: this test looks for the wrong path")
	}
}

func gopacket(imported string) bool {
	return imported == "github.com/google/gopacket" || strings.HasPrefix(imported, "github.com/google/gopacket/")
}

// Why some packages are used nowhere, not even in tests.
var never = map[string]string{
	"github.com/google/gopacket/pcap":        "it needs cgo and libpcap",
	"github.com/google/gopacket/pfring":      "it needs cgo",
	"github.com/google/gopacket/reassembly":  "it is wrong at sequence wrap and registers global flags",
	"github.com/google/gopacket/tcpassembly": "it registers global flags and cannot join half-flows",
	"github.com/google/gopacket/afpacket":    "it needs cgo",
	"C":                                      "the command is one static binary",
	"unsafe":                                 "nothing measured needs it; tests may use it for sizes",
}

func TestNeverImported(t *testing.T) {
	for _, s := range sources(t) {
		for _, i := range s.imports {
			why, bad := never[i]
			if bad && !(i == "unsafe" && s.isTest()) {
				t.Errorf("%s imports %s: %s", s.path(), i, why)
			}
		}
	}
}

func TestPackageNamesSaySomething(t *testing.T) {
	empty := []string{"util", "utils", "common", "types", "helper", "helpers", "model", "models", "engine", "manager", "pkg", "misc", "base"}
	for _, dir := range directories(sources(t)) {
		for part := range strings.SplitSeq(dir, "/") {
			if slices.Contains(empty, part) {
				t.Errorf("%s: %q says nothing of what is in it", dir, part)
			}
		}
	}
}
