package read_test

import "testing"

// What extensions print behind the columns is what was asked for.
func TestListedMatches(t *testing.T) {
	for _, tt := range []struct{ name, details, want string }{
		{"nothing", "", ""},
		{"port", "tcp dpt:80", "-m tcp --dport 80"},
		{"ports", "tcp dpts:1:9", "-m tcp --dport 1:9"},
		{"source port", "tcp spt:80", "-m tcp --sport 80"},
		{"not a port", "tcp dpt:!53", "-m tcp ! --dport 53"},
		{"source and destination", "tcp spts:!1:2 dpt:3", "-m tcp ! --sport 1:2 --dport 3"},
		{"the module alone", "tcp", ""},
		{"flags", "tcp flags:0x17/0x02", `-m listing --text=flags:0x17/0x02`},
		{"UDP", "udp dpt:53", "-m tcp --dport 53"},
		{"list", "multiport dports 1,2:3", "-m multiport --dports 1,2:3"},
		{"list of sources", "multiport sports 1,2", "-m multiport --sports 1,2"},
		{"list of either", "multiport ports 1,2", "-m multiport --ports 1,2"},
		{"not a list", "multiport dports !1,2", "-m multiport ! --dports 1,2"},
		{"not a list, old", "multiport dports  !1", "-m multiport ! --dports 1"},
		{"another list", "multiport x 1", `-m listing "--text=multiport x 1"`},
		{"half a list", "multiport dports", `-m listing "--text=multiport dports"`},
		{"user", "owner UID match 1337", "-m owner --uid-owner 1337"},
		{"not a user", "! owner UID match 1337", "-m owner ! --uid-owner 1337"},
		{"groups", "owner GID match 1-9", "-m owner --gid-owner 1-9"},
		{"not a group", "! owner GID match 1337", "-m owner ! --gid-owner 1337"},
		{"half an owner", "owner UID match", `-m listing "--text=owner UID match"`},
		{"half a group", "owner GID match", `-m listing "--text=owner GID match"`},
		{"mark", "mark match 0x539", "-m mark --mark 0x539"},
		{"not a mark", "mark match ! 0x5/0xf", "-m mark ! --mark 0x5/0xf"},
		{"mark of the connection", "connmark match  0x111/0xfff", "-m connmark --mark 0x111/0xfff"},
		{"not a mark of the connection", "connmark match ! 0x1", "-m connmark ! --mark 0x1"},
		{"half a mark", "mark match", `-m listing "--text=mark match"`},
		{"half a mark of the connection", "connmark match", `-m listing "--text=connmark match"`},
		{"state", "ctstate RELATED,ESTABLISHED", "-m conntrack --ctstate RELATED,ESTABLISHED"},
		{"not a state", "! ctstate NEW", "-m conntrack ! --ctstate NEW"},
		{"state, old", "state INVALID", "-m conntrack --ctstate INVALID"},
		{"half a state", "ctstate", "-m listing --text=ctstate"},
		{"type", "ADDRTYPE match src-type !LOCAL", "-m addrtype ! --src-type LOCAL"},
		{"both types", "ADDRTYPE match src-type LOCAL dst-type !LOCAL", "-m addrtype --src-type LOCAL ! --dst-type LOCAL"},
		{"type and more", "ADDRTYPE match dst-type LOCAL tcp dpt:80", "-m addrtype --dst-type LOCAL -m tcp --dport 80"},
		{"half a type", "ADDRTYPE match src-type", `-m listing "--text=ADDRTYPE match src-type"`},
		{"comment", "/* a  b */", `-m comment --comment "a  b"`},
		{"comment and more", "/* x */ tcp dpt:80", "-m comment --comment x -m tcp --dport 80"},
		{"comment without end", "/* x", `-m listing "--text=/* x"`},
		{"several", "tcp dpt:!53 ! owner UID match 1337 mark match 0x1", "-m tcp ! --dport 53 -m owner ! --uid-owner 1337 -m mark --mark 0x1"},
		{"what is not known", "match-set x src", `-m listing "--text=match-set x src"`},
		{"what is not known, not", "! match-set x src", `-m listing "--text=! match-set x src"`},
		{"known and not", "x tcp dpt:80 y", `-m tcp --dport 80 -m listing "--text=x y"`},
		{"a not at the end", "!", "-m listing --text=!"},
		{"not a target", "! redir ports 1", `-m listing "--text=! redir ports 1"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := "-j RETURN"
			if tt.want != "" {
				want = tt.want + " " + want
			}
			check(t, listed("0 0 RETURN 0 -- * * 0.0.0.0/0 0.0.0.0/0 "+tt.details), "ip nat\n -A OUTPUT "+want+"\n")
		})
	}
}

// A comment may read like a match.
func TestListedComments(t *testing.T) {
	check(t, listed("0 0 RETURN 0 -- * * 0.0.0.0/0 0.0.0.0/0 /* tcp dpt:80 */ udp dpt:53"),
		"ip nat\n -A OUTPUT -m comment --comment \"tcp dpt:80\" -m tcp --dport 53 -j RETURN\n")
}

func TestListedMatchesMalformed(t *testing.T) {
	for _, tt := range []struct{ name, details, want string }{
		{"port", "tcp spt:x", `"x" is no number below 65536`},
		{"list", "multiport dports x", `"x" is no number below 65536`},
		{"user", "owner UID match root", `"root" is no number below 4294967296`},
		{"group", "owner GID match root", `"root" is no number below 4294967296`},
		{"mark", "mark match x", `"x" is no number below 4294967296`},
		{"not a mark", "mark match ! x", `"x" is no number below 4294967296`},
		{"state", "ctstate OLD", `"OLD" is no state`},
		{"not a port", "tcp dpt:!", `"!" is no number below 65536`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			check(t, listed("0 0 RETURN 0 -- * * 0.0.0.0/0 0.0.0.0/0 "+tt.details), "ip nat\n", "3: "+tt.want)
		})
	}
}
