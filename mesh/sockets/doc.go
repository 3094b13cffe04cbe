// Package sockets reads lists of TCP sockets: which process of the pod has which
// connection, and which listens where.
//
// What goes in is the text of ss -tnp, with or without -e, -l, -a, -u and -H, of
// lsof -nP -i, of netstat -tnp, also busybox's, and of /proc/net/tcp and
// /proc/net/tcp6. Each line is recognised by itself, so that outputs may follow
// each other in one file. What comes out are Sockets one by one, or a Table of
// them that merges what several outputs say of one socket.
//
// The same connection has two rows if both of its ends are in the pod. Where
// iptables redirected it the rows do not mirror each other: the application's is
// POD:e1 to SERVICE:80, as it dialled; the proxy's is 127.0.0.1:15001 to POD:e1.
// The port e1 is what they share.
//
// Numbers are needed where names could be: a dump without -n cannot be used.
// What is not TCP is passed over. A device that a socket is bound to
// ("127.0.0.53%lo") is dropped, since captures do not have it. netstat cuts long
// IPv6 addresses short; such a row is malformed or, worse, another address.
package sockets
