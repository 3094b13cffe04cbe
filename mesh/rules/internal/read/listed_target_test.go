package read_test

import "testing"

// What targets print behind the matches is what they do.
func TestListedTargets(t *testing.T) {
	for _, tt := range []struct{ name, target, details, want string }{
		{"goto", "A", "[goto]", "-g A"},
		{"reject", "REJECT", "reject-with icmp-port-unreachable", "-j REJECT --reject-with icmp-port-unreachable"},
		{"reject with nothing", "REJECT", "reject-with", "-m listing --text=reject-with -j REJECT"},
		{"redirect", "REDIRECT", "redir ports 15001", "-j REDIRECT --to-ports 15001"},
		{"redirect to a choice", "REDIRECT", "redir ports 1-9", "-j REDIRECT --to-ports 1-9"},
		{"redirect and more", "REDIRECT", "redir ports 1 random", "-m listing --text=random -j REDIRECT --to-ports 1"},
		{"redirect without a port", "REDIRECT", "redir ports", `-m listing "--text=redir ports" -j REDIRECT`},
		{"DNAT", "DNAT", "to:10.0.0.1:80", "-j DNAT --to-destination 10.0.0.1:80"},
		{"DNAT of another target", "A", "to:10.0.0.1:80", "-m listing --text=to:10.0.0.1:80 -j A"},
		{"TPROXY", "TPROXY", "TPROXY redirect 0.0.0.0:15006 mark 0x539/0xffffffff", "-j TPROXY --on-port 15006 --on-ip 0.0.0.0 --tproxy-mark 0x539/0xffffffff"},
		{"TPROXY of IPv6", "TPROXY", "TPROXY redirect :::15006 mark 0x1/0xf", "-j TPROXY --on-port 15006 --on-ip :: --tproxy-mark 0x1/0xf"},
		{"TPROXY of IPv6 in brackets", "TPROXY", "TPROXY redirect [::1]:15006 mark 0x1/0xf", "-j TPROXY --on-port 15006 --on-ip ::1 --tproxy-mark 0x1/0xf"},
		{"TPROXY cut short", "TPROXY", "TPROXY redirect 0.0.0.0:1 mark", `-m listing "--text=TPROXY redirect 0.0.0.0:1 mark" -j TPROXY`},
		{"mark", "MARK", "MARK set 0x53a", "-j MARK --set-xmark 0x53a/0xffffffff"},
		{"bits of a mark", "MARK", "MARK xset 0x10/0xf0", "-j MARK --set-xmark 0x10/0xf0"},
		{"and", "MARK", "MARK and 0xff", "-j MARK --set-xmark 0x0/0xffffff00"},
		{"or", "MARK", "MARK or 0x10", "-j MARK --set-xmark 0x10/0x10"},
		{"xor", "MARK", "MARK xor 0x10", "-j MARK --set-xmark 0x10/0x0"},
		{"mark of the connection", "CONNMARK", "CONNMARK xset 0x111/0xfff", "-j CONNMARK --set-xmark 0x111/0xfff"},
		{"save", "CONNMARK", "CONNMARK save", "-j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff"},
		{"restore with a mask", "CONNMARK", "CONNMARK restore mask 0xfff", "-j CONNMARK --restore-mark --nfmask 0xfff --ctmask 0xfff"},
		{"restore, half a mask", "CONNMARK", "CONNMARK restore mask", "-m listing --text=mask -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff"},
		{"restore and another word", "CONNMARK", "CONNMARK restore nfmask 0xf", `-m listing "--text=nfmask 0xf" -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff`},
		{"mark without a value", "MARK", "MARK set", `-m listing "--text=MARK set" -j MARK`},
		{"mark in another way", "MARK", "MARK copy 1", `-m listing "--text=MARK copy 1" -j MARK`},
		{"another's mark", "MARK", "CONNMARK set 0x1", `-m listing "--text=CONNMARK set 0x1" -j MARK`},
		{"zone", "CT", "CT zone 1", "-j CT --zone 1"},
		{"no tracking", "CT", "CT notrack", `-m listing "--text=CT notrack" -j CT`},
		{"half a zone", "CT", "CT zone", `-m listing "--text=CT zone" -j CT`},
		{"log", "LOG", "LOG flags 0 level 4", `-j LOG "--text=LOG flags 0 level 4"`},
		{"another log", "NFLOG", "nflog-prefix x", `-j NFLOG "--text=nflog-prefix x"`},
		{"SNAT", "SNAT", "to:10.0.0.1", "-j SNAT --text=to:10.0.0.1"},
		{"masquerade", "MASQUERADE", "random-fully", "-j MASQUERADE --text=random-fully"},
		{"a chain", "A", "x", "-m listing --text=x -j A"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			check(t, listed("0 0 "+tt.target+" 0 -- lo * 0.0.0.0/0 0.0.0.0/0 "+tt.details), "ip nat\n -A OUTPUT -i lo "+tt.want+"\n")
		})
	}
}

// A rule without a target has no words of one.
func TestListedTargetOfNone(t *testing.T) {
	check(t, listed("0 0 tcp -- * * 0.0.0.0/0 0.0.0.0/0 [goto]"), "ip nat\n -A OUTPUT -p tcp -m listing --text=[goto]\n")
}

func TestListedTargetsMalformed(t *testing.T) {
	for _, tt := range []struct{ name, target, details, want string }{
		{"redirect", "REDIRECT", "redir ports x", `"x" is no number below 65536`},
		{"DNAT", "DNAT", "to:x", `"x" is no address`},
		{"TPROXY", "TPROXY", "TPROXY redirect x mark 0x1/0xf", `"x" is no address`},
		{"TPROXY of words", "TPROXY", "TPROXY redirect 0.0.0.0:1 mark x", `"x" is no number below 4294967296`},
		{"mark", "MARK", "MARK set x", `"x" is no number below 4294967296`},
		{"mask", "CONNMARK", "CONNMARK save mask x", `"x" is no number below 4294967296`},
		{"zone", "CT", "CT zone 65536", `"65536" is no number below 65536`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			check(t, listed("0 0 "+tt.target+" 0 -- * * 0.0.0.0/0 0.0.0.0/0 "+tt.details), "ip nat\n", "3: "+tt.want)
		})
	}
}
