package sockets

import (
	"bytes"
	"errors"
	"math"
	"strconv"
)

// parseProc reads a line of /proc/net/tcp or tcp6:
//
//	0: 0100007F:3A99 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1337  0 34086 1 …
//
// It names no process, but the owner, and to everyone.
func parseProc(w *row) (Socket, error) {
	var s Socket
	number, err := strconv.ParseUint(string(w.word(3)), 16, 8)
	if s.State = stateNumbered(number); err != nil || s.State == 0 || w.n < 10 {
		return s, errors.New("/proc/net/tcp: columns are missing")
	}
	if s.Local, err = hexEndpoint(w.word(1)); err != nil {
		return s, err
	}
	if s.Remote, err = hexEndpoint(w.word(2)); err != nil {
		return s, err
	}
	s.Remote = peer(s.Remote)
	inode, ok := decimal(w.word(9), math.MaxInt64)
	if !ok || !digits(w.word(7)) {
		return s, errors.New("/proc/net/tcp: no uid and inode")
	}
	s.Inode, s.UID = inode, owner(w.word(7), inode)
	return s, nil
}

// numbered reports whether a word is a line's number in /proc/net/tcp, "12:".
func numbered(b []byte) bool {
	b, ok := bytes.CutSuffix(b, []byte(":"))
	return ok && digits(b)
}
