package nft_test

import (
	"strings"
	"testing"
)

// one reads a rule of a chain, and returns it as iptables would print it, or
// what is wrong with it.
func one(rule string) (printed, problem string) {
	got := read("table ip t {\nchain c {\n" + rule + "\n}\n}\n")
	if len(got.bad) > 0 {
		return "", strings.TrimPrefix(got.bad[0], "3: ")
	}
	return got.tables[0].Chains[0].Rules[0].String(), ""
}

// A rule keeps nft's own words, but for its counters, and what it counted.
func TestRuleText(t *testing.T) {
	for _, tt := range []struct {
		name, rule, want string
		counted          bool
		packets, bytes   uint64
	}{
		{"plain", "tcp dport 80 accept", "tcp dport 80 accept", false, 0, 0},
		{"counters", "tcp dport 80 counter packets 3 bytes 180 accept", "tcp dport 80 accept", true, 3, 180},
		{"counters that did not count", "counter accept", "accept", false, 0, 0},
		{"set", "tcp  dport {1,2} accept", "tcp dport { 1 , 2 } accept", false, 0, 0},
		{"comment", `accept comment "say \ it"`, `accept comment "say \\ it"`, false, 0, 0},
		{"what is not known", "icmp type 8 accept", "icmp type 8 accept", false, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := read("table ip t {\nchain c {\n" + tt.rule + "\n}\n}\n")
			r := got.tables[0].Chains[0].Rules[0]
			if r.Text() != tt.want || r.Counted != tt.counted || r.Packets != tt.packets || r.Bytes != tt.bytes || r.Line != 3 {
				t.Errorf("got %q (%v, %d packets, %d bytes), want %q (%v, %d, %d)", r.Text(), r.Counted, r.Packets, r.Bytes, tt.want, tt.counted, tt.packets, tt.bytes)
			}
		})
	}
}

// A rule that cannot be used leaves nothing behind in the next.
func TestRuleAfterMalformed(t *testing.T) {
	got := read("table ip t {\nchain c {\nip daddr 10.0.0.1 tcp dport x\nudp dport 53 accept\n}\n}\n")
	if text := show(got.tables); !strings.HasSuffix(text, "c\n  4 -p udp -m udp --dport 53 -j ACCEPT\n") {
		t.Errorf("got\n%s", text)
	}
}

// Values of one rule are gone with it: the next has its own, sets keep theirs.
func TestValuesStandAlone(t *testing.T) {
	got := read(`table ip t {
	set s {
		elements = { 1, 2 }
	}
	chain c {
		ct state new,related tcp dport @s
		ct state established tcp dport { 7, 8 }
		tcp dport @s
	}
}
`)
	want := "ip t\n c\n" +
		"  6 -p tcp -m conntrack --ctstate NEW,RELATED -m multiport --dports 1,2\n" +
		"  7 -p tcp -m conntrack --ctstate ESTABLISHED -m multiport --dports 7,8\n" +
		"  8 -p tcp -m multiport --dports 1,2\n"
	if text := show(got.tables); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

// A place that a chain cannot have is told.
func TestInsertIsBounded(t *testing.T) {
	text := "table ip t {\nchain c {\n" + strings.Repeat("accept\n", 10001) + "}\n}\ninsert rule ip t c drop\n"
	got := read(text)
	if want := "10006: rule 1 of a chain of 10001"; len(got.bad) != 1 || got.bad[0] != want {
		t.Errorf("malformed: %q, want %s", got.bad, want)
	}
	if n := len(got.tables[0].Chains[0].Rules); n != 10001 {
		t.Errorf("%d rules, want 10001", n)
	}
}
