package sockets

import (
	"bytes"
	"errors"
	"math"
)

// inetFile returns the number of the word that is lsof's TYPE, if it is one of
// sockets of the internet; else 0. It is the fifth column, COMMAND PID USER FD
// TYPE; -g, -R and -K add up to two before it.
func inetFile(w *row) int {
	for i := 4; i <= 6 && i < w.n; i++ {
		if t := string(w.words[i]); t == "IPv4" || t == "IPv6" {
			return i
		}
	}
	return 0
}

// otherFile reports whether a line is one of lsof about a file that is no socket
// of the internet.
func otherFile(w *row) bool {
	if !digits(w.word(1)) {
		return false
	}
	for i := 3; i <= 6 && i < w.n; i++ {
		switch string(w.words[i]) {
		case "REG", "DIR", "CHR", "BLK", "FIFO", "LINK", "unix", "sock", "netlink", "pack", "a_inode", "unknown", "DEL", "NOFD":
			return true
		}
	}
	return false
}

// parseLsof reads a line of lsof -nP -i:
//
//	envoy 17 1337 7u IPv4 34086 0t0 TCP 127.0.0.6:40791->10.200.1.2:8080 (ESTABLISHED)
func parseLsof(w *row) (Socket, error) {
	t := inetFile(w)
	if w.n > t+3 && string(w.words[t+3]) != "TCP" {
		return Socket{}, errNoSocket
	}
	if w.n <= t+5 {
		return Socket{}, errors.New("lsof: columns are missing")
	}
	s := Socket{State: stateNamed(bytes.Trim(w.words[t+5], "()")), UID: userID(w.words[t-2])}
	s.Inode, _ = decimal(w.words[t+1], math.MaxInt64)
	if s.State == 0 {
		return s, errors.New("lsof: no state")
	}
	pid, ok := decimal(w.words[1], math.MaxInt32)
	if !ok {
		return s, errors.New("lsof: no process id")
	}
	s.Processes = []Process{{processName(unescape(w.words[0])), int(pid), descriptor(w.words[t-1])}}
	local, remote, connected := bytes.Cut(w.words[t+4], []byte("->"))
	if !connected {
		remote = []byte("*:*")
	}
	var err error
	s.Local, s.Remote, err = endpoints(lsofStar(local, w.words[t]), remote)
	return s, err
}

// lsofStar puts the address that "*" means in a socket of that type: an IPv4 one
// has no IPv6.
func lsofStar(end, kind []byte) []byte {
	if port, ok := bytes.CutPrefix(end, []byte("*:")); ok && string(kind) == "IPv4" {
		return append([]byte("0.0.0.0:"), port...)
	}
	return end
}

// descriptor reads lsof's FD, "7u": the number and the mode.
func descriptor(b []byte) int {
	n, ok := decimal(bytes.TrimRight(b, "urwRWNUx "), math.MaxInt32)
	if !ok {
		return -1
	}
	return int(n)
}
