package draft_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/draft"
	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// rule reads the options of one rule, and returns it as it prints.
func rule(t *testing.T, options string) (printed, problem string) {
	t.Helper()
	words, err := syntax.Words(nil, []byte(options))
	if err != nil {
		t.Fatal(err)
	}
	var b draft.Builder
	b.Begin(1)
	if err := b.Options(words); err != nil {
		return "", err.Error()
	}
	r := b.End()
	return r.String(), ""
}

// Options print as iptables-save writes them, whatever name they were given by.
func TestOptions(t *testing.T) {
	for _, tt := range []struct{ name, options, want string }{
		{"protocol", "-p tcp", "-p tcp"},
		{"protocol in capitals", "--protocol TCP", "-p tcp"},
		{"protocol by number", "-p 58", "-p ipv6-icmp"},
		{"all protocols", "-p all -j RETURN", "-j RETURN"},
		{"not a protocol", "! -p udp", "! -p udp"},
		{"source", "-s 10.0.0.1", "-s 10.0.0.1/32"},
		{"sources", "--source 10.0.0.1,10.0.0.2", "-s 10.0.0.1/32,10.0.0.2/32"},
		{"source by its third name", "--src 10.0.0.0/255.0.0.0", "-s 10.0.0.0/8"},
		{"destination", "-d ::1", "-d ::1/128"},
		{"destination by its other names", "--destination 10.0.0.1 --dst 10.0.0.2", "-d 10.0.0.1/32 -d 10.0.0.2/32"},
		{"faces", "-i eth0 -o lo", "-i eth0 -o lo"},
		{"faces by other names", "--in-interface eth+ --out-interface lo", "-i eth+ -o lo"},
		{"source port", "-p tcp --sport 53", "-p tcp -m tcp --sport 53"},
		{"source ports", "-p tcp --source-port 1:9", "-p tcp -m tcp --sport 1:9"},
		{"destination port", "-p udp -m udp --dport domain", "-p udp -m udp --dport 53"},
		{"destination ports", "-p tcp --destination-port :9", "-p tcp -m tcp --dport 0:9"},
		{"lists of ports", "-p tcp -m multiport --sports 1,2 --dports 3,4:5 --ports 6", "-p tcp -m multiport --sports 1,2 --dports 3,4:5 --ports 6"},
		{"lists of ports by other names", "-m multiport --source-ports 1,2 --destination-ports 3,4", "-m multiport --sports 1,2 --dports 3,4"},
		{"owner", "-m owner --uid-owner 1337 --gid-owner 1-9", "-m owner --uid-owner 1337 --gid-owner 1-9"},
		{"state", "-m state --state related,Established", "-m conntrack --ctstate RELATED,ESTABLISHED"},
		{"all states", "-m conntrack --ctstate INVALID,NEW,UNTRACKED,SNAT,DNAT", "-m conntrack --ctstate INVALID,NEW,UNTRACKED,SNAT,DNAT"},
		{"types", "-m addrtype --src-type LOCAL --dst-type UNICAST", "-m addrtype --src-type LOCAL --dst-type UNICAST"},
		{"comment", `-m comment --comment "a b"`, `-m comment --comment "a b"`},
		{"empty comment", `-m comment --comment ""`, `-m comment --comment ""`},
		{"mark", "-m mark --mark 1337", "-m mark --mark 0x539"},
		{"mark of the connection", "-m connmark --mark 0x539/0xfff", "-m connmark --mark 0x539/0xfff"},
		{"both marks", "-m connmark --mark 1 -m mark --mark 2", "-m connmark --mark 0x1 -m mark --mark 0x2"},
		{"not", "! -i lo ! -d 127.0.0.1/32", "! -d 127.0.0.1/32 ! -i lo"},
		{"not holds for one option", "! -i lo -o eth0", "! -i lo -o eth0"},
		{"not behind its option", "--dport ! 80", "-m tcp ! --dport 80"},
		{"not twice", "! --dport ! 80", "-m tcp --dport 80"},
		{"counters", "-c 12 720 -j RETURN", "-j RETURN"},
		{"counters by their other name", "--set-counters 12 720", ""},
		{"jump", "--jump RETURN", "-j RETURN"},
		{"goto", "-g A", "-g A"},
		{"goto by its other name", "--goto A", "-g A"},
		{"match by its other name", "--match owner --uid-owner 1", "-m owner --uid-owner 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, problem := rule(t, tt.options); got != tt.want || problem != "" {
				t.Errorf("got %s %s, want %s", got, problem, tt.want)
			}
		})
	}
}

// Modules whose options are known say nothing themselves.
func TestKnownModules(t *testing.T) {
	for _, m := range []string{"tcp", "udp", "sctp", "dccp", "udplite", "multiport", "owner", "mark", "connmark", "conntrack", "state", "addrtype", "comment"} {
		if got, problem := rule(t, "-m "+m+" -j RETURN"); got != "-j RETURN" || problem != "" {
			t.Errorf("-m %s: got %s %s, want -j RETURN", m, got, problem)
		}
	}
}

// What is not known is kept as text, with the module or the target that it
// belongs to.
func TestUnknownOptions(t *testing.T) {
	for _, tt := range []struct{ name, options, want string }{
		{"a module", "-m socket -j RETURN", "-m socket -j RETURN"},
		{"its options", `-m string --string "a b" --algo bm -j RETURN`, `-m string --string "a b" --algo bm -j RETURN`},
		{"its options, some of them not", "-m set ! --match-set a src -j RETURN", "-m set ! --match-set a src -j RETURN"},
		{"options of other modules' names", "-m geoip --dport 80", "-m geoip --dport 80"},
		{"addresses behind it", "-m socket -d 10.0.0.1/32", "-d 10.0.0.1/32 -m socket"},
		{"two modules", "-m socket --transparent -m string --string x", "-m socket --transparent -m string --string x"},
		{"a module behind a known match", "-m owner --uid-owner 1 -m socket --transparent", "-m owner --uid-owner 1 -m socket --transparent"},
		{"an option of a known module", "-m owner --socket-exists", "-m owner --socket-exists"},
		{"an option of a known module twice", "-m owner --socket-exists --suppl-groups", "-m owner --socket-exists -m owner --suppl-groups"},
		{"an option of the protocol", "-p tcp --tcp-flags SYN,ACK SYN", "-p tcp -m tcp --tcp-flags SYN,ACK SYN"},
		{"an option of no protocol", "--syn", "-m unknown --syn"},
		{"an option of all but one", "! -p udp --syn", "! -p udp -m unknown --syn"},
		{"values like options", "-m ttl --ttl-set -1 --next", "-m ttl --ttl-set -1 --next"},
		{"up to a not", "-p tcp --tcp-option 3 ! -d 10.0.0.1", "! -d 10.0.0.1/32 -p tcp -m tcp --tcp-option 3"},
		{"of a target", "-j LOG --log-prefix x --log-level 4", "-j LOG --log-prefix x --log-level 4"},
		{"not, of a target", "-j X ! --y z", "-j X ! --y z"},
		{"of a target that is known", "-j REDIRECT --to-ports 1 --random", "-j REDIRECT --to-ports 1 --random"},
		{"of a match behind a target", "-j REDIRECT -m owner --socket-exists", "-m owner --socket-exists -j REDIRECT"},
		{"known, behind a target", "-j LOG --dport 80", "-m tcp --dport 80 -j LOG"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, problem := rule(t, tt.options); got != tt.want || problem != "" {
				t.Errorf("got %s %s, want %s", got, problem, tt.want)
			}
		})
	}
}

func TestOptionsMalformed(t *testing.T) {
	for _, tt := range []struct{ name, options, want string }{
		{"no module", "-m", "a value is missing"},
		{"no target", "-j", "a value is missing"},
		{"no protocol", "-p", "a value is missing"},
		{"only not", "-p !", `-p: "!" is no protocol`},
		{"another protocol", "-p quic", `-p: "quic" is no protocol`},
		{"no packet", "! -p all", `-p: "all" leaves no packet`},
		{"no address", "-s x", `-s: "x" is no address`},
		{"an empty face", `-i ""`, "-i: a value is missing"},
		{"no port", "--dport x", `--dport: "x" is no number below 65536`},
		{"no list", "--dports 1,x", `--dports: "x" is no number below 65536`},
		{"no owner", "--uid-owner root", `--uid-owner: "root" is no number below 4294967296`},
		{"no mark", "--mark x", `--mark: "x" is no number below 4294967296`},
		{"no state", "--ctstate NEW,OLD", `--ctstate: "OLD" is no state`},
		{"one counter", "-c 12", "a value is missing"},
		{"no counter", "-c 12 x", `"x" is no count`},
		{"a word", "-p tcp http", `"http" stands where an option is wanted`},
		{"a dash", "-", `"-" stands where an option is wanted`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, problem := rule(t, tt.options); problem != tt.want {
				t.Errorf("got %s %q, want %q", got, problem, tt.want)
			}
		})
	}
}

func TestOptionCounters(t *testing.T) {
	var b draft.Builder
	r := build(t, &b, 7, "-c 12 720 -j RETURN")
	if !r.Counted || r.Packets != 12 || r.Bytes != 720 || r.Line != 7 {
		t.Errorf("got %+v", r)
	}
	if r = build(t, &b, 8, "-j RETURN"); r.Counted || r.Packets != 0 {
		t.Errorf("a rule without counters has those of the one before: %+v", r)
	}
}

// A value's own kind is told, for who reads it elsewhere than in options.
func TestReadProto(t *testing.T) {
	var b draft.Builder
	var m netfilter.Match
	if err := draft.ReadProto(&b, []byte("Udp"), &m); err != nil || m.Value != 17 {
		t.Errorf("got %d, %v", m.Value, err)
	}
	if err := draft.ReadProto(&b, []byte("all"), &m); err != nil || m.Value != 0 {
		t.Errorf("got %d, %v", m.Value, err)
	}
}

func TestForeign(t *testing.T) {
	if got, want := draft.Foreign("-m nft ", split("meta random < 5")), `-m nft "--text=meta random < 5"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := draft.Foreign("", split("x")), "--text=x"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
