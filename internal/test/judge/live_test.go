//go:build testbed

package judge

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	bed "github.com/pcapmesh/pcapmesh/internal/test/bed/scene"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/stage"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// Every scenario, played anew with other sizes, contents and order, and with
// the ports and the timing of this machine, comes out as it really was. What
// lengths and times leave to tell of encrypted legs differs in every run, and
// with the load of the machine: the shares of the table are held on the
// shipped captures (TestHidden), and here, with keys, that all is told.
func TestLive(t *testing.T) {
	if err := world.Missing(); err != nil {
		t.Skip(err)
	}
	for _, tool := range []string{"tshark", "tcpflow", "capinfos"} {
		need(t, tool)
	}
	first := liveSeed(t)
	for _, seed := range []int64{first, first + 1} {
		for _, sc := range bed.Scenarios() {
			if sc.Name == "capture-gaps" {
				continue // what is not captured is drawn anew every time, and so is what can be told: the shipped one is held
			}
			if (sealed(sc.Name) && !sc.Envoy || sc.Envoy && sc.Live) && seed != first {
				continue // once is enough for what keys tell, and for kinds of traffic
			}
			t.Run(fmt.Sprintf("%s seed %d", sc.Name, seed), func(t *testing.T) {
				if err := bed.Missing(sc); err != nil {
					t.Skip(err)
				}
				playAndHold(t, sc, seed)
			})
		}
	}
}

// liveSeed is the first of the seeds that scenarios are played with;
// PCAPMESH_SEED changes it.
func liveSeed(t *testing.T) int64 {
	t.Helper()
	text := os.Getenv("PCAPMESH_SEED")
	if text == "" {
		return 11
	}
	seed, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

func playAndHold(t *testing.T, sc stage.Scenario, seed int64) {
	dir, scenario := t.TempDir(), sc.Name
	if _, err := bed.Run(t.Context(), scenario, dir, seed); err != nil {
		t.Fatal(err)
	}
	s := load(t, truth.Path(dir, scenario))
	s.live = true
	if sc.Envoy {
		s.holdSure(t)
		return
	}
	t.Run("records", s.holdRecords)
	if _, ok := untold[scenario]; ok {
		return
	}
	if sealed(scenario) {
		t.Run("keys", s.holdKeys)
		t.Run("calls", s.holdCalls)
		return
	}
	if s.truth.Lookups != nil {
		t.Run("lookups", s.holdLookups)
		t.Run("lookups in Wireshark", s.holdDissected)
	}
	for name, check := range map[string]func(*testing.T){
		"truth": s.hold, "bytes": s.holdBytes, "once": s.holdOnce, "foreign": s.holdForeign, "legs": s.holdLegsView, "less": s.holdAllLess,
		"hidden": s.holdHidden, "keys": s.holdKeys, "calls": s.holdCalls, "tunnels": s.holdTunnels,
	} {
		if strings.HasSuffix(scenario, "-missing") && (name == "foreign" || name == "legs") {
			continue // Wireshark writes into a stream how much of it is missing, also where only it can tell
		}
		t.Run(name, check)
	}
}

// sealed reports whether a scenario has legs that are told by lengths and times
// without keys.
func sealed(scenario string) bool {
	return strings.Contains(scenario, "mtls") || scenario == "inbound-permissive"
}

func (s *scene) holdAllLess(t *testing.T) {
	for _, l := range lacks() {
		s.holdLess(t, l)
	}
}

// holdLegsView checks that Wireshark and tcpflow find every leg's bytes in the
// view of legs.
func (s *scene) holdLegsView(t *testing.T) {
	r := s.stitch(t, mesh.Options{})
	file := write(t, r, &mesh.WriteOptions{View: mesh.ViewLegs})
	want := readFile(t, file).streams()
	rows, got := dissect(t, file, len(want))
	s.settle(t, "tshark legs", append(streamCount(rows, len(r.Legs)), compareWhole(want, got)...))
	s.settle(t, "tcpflow legs", compareCarved(want, tcpflow(t, file)))
}
