package sockets

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
)

// endpoint reads an address and a port as the tools write them: "10.0.0.1:80",
// "127.0.0.53%lo:53", "[::1]:80", "[fe80::1]%eth0:80", ":::80" and "*:80". The
// star is all addresses of both families, as in ss. The port "*" is 0.
func endpoint(b []byte) (netip.AddrPort, error) {
	i := bytes.LastIndexByte(b, ':')
	if i < 0 {
		return netip.AddrPort{}, fmt.Errorf("%q has no port", clip(b))
	}
	port, ok := uint64(0), string(b[i+1:]) == "*"
	if !ok {
		port, ok = decimal(b[i+1:], 1<<16-1)
	}
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("the port of %q is not a number", clip(b))
	}
	addr, ok := address(b[:i])
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("%q has no IP address", clip(b))
	}
	return netip.AddrPortFrom(addr, uint16(port)), nil
}

// address reads an address without port, and drops brackets and the device.
func address(b []byte) (netip.Addr, bool) {
	b, _, _ = bytes.Cut(b, []byte("%"))
	b = bytes.TrimSuffix(bytes.TrimPrefix(b, []byte("[")), []byte("]"))
	if string(b) == "*" {
		return netip.IPv6Unspecified(), true
	}
	a, err := netip.ParseAddr(string(b))
	return a.Unmap(), err == nil
}

// endpoints reads both ends of a socket. A remote end without port is none.
func endpoints(local, remote []byte) (l, r netip.AddrPort, err error) {
	if l, err = endpoint(local); err != nil {
		return l, r, err
	}
	if r, err = endpoint(remote); err != nil {
		return l, r, err
	}
	return l, peer(r), nil
}

// peer makes the remote end of a listener, which is written as "*:*" or
// "0.0.0.0:0", the zero AddrPort.
func peer(r netip.AddrPort) netip.AddrPort {
	if r.Port() == 0 {
		return netip.AddrPort{}
	}
	return r
}

// hexEndpoint reads an address and a port of /proc/net/tcp: "0100007F:3A99" is
// 127.0.0.1:15001. The address is a sequence of 32-bit words, each in the order of
// the machine that wrote it (net/ipv4/tcp_ipv4.c, get_tcp4_sock): little endian on
// all that meshes are seen on.
func hexEndpoint(b []byte) (netip.AddrPort, error) {
	var raw [16]byte
	text, port, ok := bytes.Cut(b, []byte(":"))
	if !ok || len(text) != 8 && len(text) != 32 {
		return netip.AddrPort{}, fmt.Errorf("%q is no hexadecimal address and port", clip(b))
	}
	n, err := hex.Decode(raw[:], text)
	number, err2 := strconv.ParseUint(string(port), 16, 16)
	if err != nil || err2 != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is no hexadecimal address and port", clip(b))
	}
	for word := raw[:n]; len(word) > 0; word = word[4:] {
		binary.BigEndian.PutUint32(word, binary.LittleEndian.Uint32(word))
	}
	addr, _ := netip.AddrFromSlice(raw[:n])
	return netip.AddrPortFrom(addr.Unmap(), uint16(number)), nil
}

// decimal reads a number of digits only, up to limit.
func decimal(b []byte, limit uint64) (n uint64, ok bool) {
	if len(b) == 0 || len(b) > 19 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, n <= limit
}

// clip shortens text that is shown to a person.
func clip(b []byte) []byte { return b[:min(len(b), 40)] }
