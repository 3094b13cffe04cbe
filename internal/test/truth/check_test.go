package truth

import "testing"

// Check finds what does not fit.
func TestCheck(t *testing.T) {
	leg := func(id string, exchanges int) Leg {
		return Leg{ID: id, OrigDst: "10.0.0.1:80", ReplySrc: "10.0.0.1:80", Exchanges: exchanges}
	}
	good := func() *Truth {
		return &Truth{Files: []File{{}}, Legs: []Leg{leg("l0", 2), leg("l1", 2)},
			Links:         []Link{{From: "l0", FromExchange: 0, To: "l1", ToExchange: 1}, {From: "l0", FromExchange: 1, To: "l1", ToExchange: 0}},
			Conversations: []Conversation{{Legs: []string{"l0", "l1"}}}}
	}
	if err := good().Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Truth){
		"exchange served twice":   func(t *Truth) { t.Links[1].ToExchange = 1 },
		"exchange not passed on":  func(t *Truth) { t.Links = t.Links[:1] },
		"unknown leg":             func(t *Truth) { t.Links[0].To = "l9" },
		"leg in no conversation":  func(t *Truth) { t.Conversations[0].Legs = []string{"l0"} },
		"half-flow with one dst":  func(t *Truth) { t.Legs[0].HalfFlow = true },
		"redirect without a mark": func(t *Truth) { t.Legs[0].ReplySrc = "127.0.0.1:15001" },
		"no capture":              func(t *Truth) { t.Files = nil },
	} {
		x := good()
		spoil(x)
		if x.Check() == nil {
			t.Errorf("%s: not found", name)
		}
	}
}
