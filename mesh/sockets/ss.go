package sockets

import (
	"bytes"
	"errors"
	"math"
	"net/netip"
	"strconv"
)

// parseSS reads a line of ss, whose columns begin at word i with Recv-Q:
//
//	ESTAB 0 0 127.0.0.1:15001 10.200.1.2:42604 users:(("envoy",pid=17,fd=7)) uid:1337 ino:34086 sk:5 fwmark:0x539 <->
//
// The grammar is that of iproute2's misc/ss.c. If one state was asked for ("ss
// state established") it is not written; it is taken for the likelier one.
func parseSS(w *row, i int, state State) (Socket, error) {
	s := Socket{State: state, UID: -1}
	if w.n < i+4 || !digits(w.word(i)) || !digits(w.word(i+1)) {
		return s, errors.New("ss: columns are missing")
	}
	var err error
	if s.Local, s.Remote, err = endpoints(w.word(i+2), w.word(i+3)); err != nil {
		return s, err
	}
	if s.State == 0 {
		s.State = likely(s.Remote)
	}
	rest := w.after(i + 3)
	if users, ok := bytes.CutPrefix(rest, []byte("users:(")); ok {
		if s.Processes, rest, err = parseUsers(users); err != nil {
			return s, err
		}
	}
	s.extend(rest)
	return s, nil
}

// likely returns the state that people ask ss for alone.
func likely(remote netip.AddrPort) State {
	if remote.IsValid() {
		return Established
	}
	return Listen
}

// extend reads what ss -e adds. It leaves uid: out for root, but where it does,
// sk: is beside ino:. A socket that no process can have open any more, as in
// TIME-WAIT, has inode 0, and its owner is unknown.
func (s *Socket) extend(rest []byte) {
	kernel := false
	for len(rest) > 0 {
		var word []byte
		word, rest = cutWord(rest)
		name, value, _ := bytes.Cut(word, []byte(":"))
		switch string(name) {
		case "uid":
			if n, ok := decimal(value, math.MaxUint32); ok {
				s.UID = int64(n)
			}
		case "ino":
			s.Inode, _ = decimal(value, math.MaxInt64)
		case "fwmark":
			if n, err := strconv.ParseUint(string(value), 0, 32); err == nil {
				s.Mark = uint32(n)
			}
		case "sk":
			kernel = true
		}
	}
	if kernel && s.UID < 0 && s.Inode != 0 {
		s.UID = 0
	}
}

// errUsers says that the processes of a line of ss cannot be read.
var errUsers = errors.New("ss: users:( is not closed")

// parseUsers reads the processes that follow "users:(", up to the parenthesis
// that closes it. Names are not escaped, so they end where pid= begins; in ss
// before 2013 numbers have no names.
func parseUsers(b []byte) (list []Process, rest []byte, err error) {
	for {
		var p Process
		if p, b, err = parseUser(b); err != nil {
			return nil, nil, err
		}
		list = append(list, p)
		switch {
		case len(b) > 0 && b[0] == ',':
			b = b[1:]
		case len(b) > 0 && b[0] == ')':
			return list, b[1:], nil
		default:
			return nil, nil, errUsers
		}
	}
}

// parseUser reads one process: ("envoy",pid=17,fd=7). Newer ss also has tid=,
// and with -Z contexts.
func parseUser(b []byte) (p Process, rest []byte, err error) {
	b, ok := bytes.CutPrefix(b, []byte(`("`))
	end := bytes.Index(b, []byte(`",pid=`))
	if end < 0 {
		end = bytes.Index(b, []byte(`",`))
	}
	if !ok || end < 0 {
		return p, nil, errUsers
	}
	p = Process{Name: processName(b[:end]), PID: -1, FD: -1}
	facts, rest, ok := bytes.Cut(b[end+2:], []byte(")"))
	if !ok {
		return p, nil, errUsers
	}
	for i := 0; len(facts) > 0; i++ {
		var fact []byte
		fact, facts, _ = bytes.Cut(facts, []byte(","))
		name, value, named := bytes.Cut(fact, []byte("="))
		if !named {
			value = fact
		}
		n, ok := decimal(value, math.MaxInt32)
		switch {
		case !ok:
		case string(name) == "pid", !named && i == 0:
			p.PID = int(n)
		case string(name) == "fd", !named && i == 1:
			p.FD = int(n)
		}
	}
	if p.PID < 0 {
		return p, nil, errUsers
	}
	return p, rest, nil
}

// cutWord cuts b behind its first word.
func cutWord(b []byte) (word, rest []byte) {
	begin := 0
	for begin < len(b) && blank(b[begin]) {
		begin++
	}
	end := begin
	for end < len(b) && !blank(b[end]) {
		end++
	}
	return b[begin:end], b[end:]
}

func digits(b []byte) bool {
	_, ok := decimal(b, math.MaxInt64)
	return ok
}
