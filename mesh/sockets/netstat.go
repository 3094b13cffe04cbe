package sockets

import (
	"bytes"
	"errors"
	"math"
)

// parseNetstat reads a line of netstat -tnp of net-tools or busybox, with User
// and Inode if there was -e:
//
//	tcp 0 0 127.0.0.1:15001 0.0.0.0:* LISTEN 1337 34086 17/envoy
func parseNetstat(w *row) (Socket, error) {
	s := Socket{State: stateNamed(w.word(5)), UID: -1}
	if !digits(w.word(1)) || !digits(w.word(2)) {
		return s, errors.New("netstat: columns are missing")
	}
	var err error
	if s.Local, s.Remote, err = endpoints(w.word(3), w.word(4)); err != nil {
		return s, err
	}
	program := 6
	if inode, ok := decimal(w.word(7), math.MaxInt64); ok {
		s.Inode, s.UID, program = inode, owner(w.word(6), inode), 8
	}
	if program < w.n {
		s.Processes = parseProgram(w.after(program - 1))
	}
	return s, nil
}

// owner returns the user of a socket. Those that nobody can have open any more
// have no inode, and root in place of an owner.
func owner(user []byte, inode uint64) int64 {
	if uid := userID(user); uid > 0 || inode != 0 {
		return uid
	}
	return -1
}

// parseProgram reads the column "PID/Program name", where "-" means that it is
// not known. Names have blanks in them, and the timers of -o follow.
func parseProgram(b []byte) []Process {
	number, name, _ := bytes.Cut(b, []byte("/"))
	pid, ok := decimal(number, math.MaxInt32)
	if !ok {
		return nil
	}
	for _, timer := range []string{" off (", " on (", " on2 (", " keepalive (", " timewait (", " probe ("} {
		name, _, _ = bytes.Cut(name, []byte(timer))
	}
	return []Process{{processName(bytes.TrimSpace(name)), int(pid), -1}}
}
