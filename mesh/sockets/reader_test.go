package sockets_test

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pcapmesh/pcapmesh/mesh/sockets"
)

var (
	ends       = netip.MustParseAddrPort
	comparable = cmpopts.EquateComparable(netip.AddrPort{})
	noLine     = cmpopts.IgnoreFields(sockets.Socket{}, "Line")
	none       netip.AddrPort
)

// one returns a list of one process.
func one(name string, pid, fd int) []sockets.Process {
	return []sockets.Process{{Name: name, PID: pid, FD: fd}}
}

// two are the processes that share each socket of the server that real lines
// were taken from.
func two(fd int) []sockets.Process {
	return []sockets.Process{{Name: "python3", PID: 23544, FD: fd}, {Name: "python3", PID: 23502, FD: fd}}
}

// Lines as the tools wrote them.
func TestReal(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     sockets.Socket
	}{
		{"ss -tnp", `ESTAB      0      0                   [::1]:25021              [::1]:47868 users:(("python3",pid=23544,fd=13),("python3",pid=23502,fd=13))`,
			sockets.Socket{State: sockets.Established, Local: ends("[::1]:25021"), Remote: ends("[::1]:47868"), Processes: two(13), UID: -1}},
		{"ss -tnp, nobody", "FIN-WAIT-2 0      0               127.0.0.1:45066          127.0.0.1:25006                                   ",
			sockets.Socket{State: sockets.FinWait2, Local: ends("127.0.0.1:45066"), Remote: ends("127.0.0.1:25006"), UID: -1}},
		{"ss -tnp, mapped", `ESTAB      0      0      [::ffff:127.0.0.1]:25020 [::ffff:127.0.0.1]:48064 users:(("python3",pid=23544,fd=11),("python3",pid=23502,fd=11))`,
			sockets.Socket{State: sockets.Established, Local: ends("127.0.0.1:25020"), Remote: ends("127.0.0.1:48064"), Processes: two(11), UID: -1}},
		{"ss -tnpe, of the proxy", `ESTAB 0 0 127.0.0.1:15001 10.200.1.2:42604 users:(("envoy",pid=17,fd=7)) uid:1337 ino:34086 sk:5 <->`,
			sockets.Socket{State: sockets.Established, Local: ends("127.0.0.1:15001"), Remote: ends("10.200.1.2:42604"), Processes: one("envoy", 17, 7), UID: 1337, Inode: 34086}},
		{"ss -tnpe, root and mark", `ESTAB      0      0               127.0.0.1:56830          127.0.0.1:25001 users:(("python3",pid=23544,fd=7),("python3",pid=23502,fd=7)) ino:3549198 sk:ae1f fwmark:0x539 cgroup:/ <->`,
			sockets.Socket{State: sockets.Established, Local: ends("127.0.0.1:56830"), Remote: ends("127.0.0.1:25001"), Processes: two(7), Inode: 3549198, Mark: 0x539}},
		{"ss -tnpe, nobody's", "FIN-WAIT-2 0      0               127.0.0.1:45066          127.0.0.1:25006 timer:(timewait,59sec,0) ino:0 sk:ae20",
			sockets.Socket{State: sockets.FinWait2, Local: ends("127.0.0.1:45066"), Remote: ends("127.0.0.1:25006"), UID: -1}},
		{"ss -Otnpei", `CLOSE-WAIT 1      0               127.0.0.1:25006          127.0.0.1:45066 users:(("python3",pid=23544,fd=15),("python3",pid=23502,fd=15)) ino:3549205 sk:ae21 cgroup:/ --> ts sack bbr wscale:10,10 rto:200 rtt:0.004/0.002 ato:40`,
			sockets.Socket{State: sockets.CloseWait, Local: ends("127.0.0.1:25006"), Remote: ends("127.0.0.1:45066"), Processes: two(15), Inode: 3549205}},
		{"ss -ltnp", `LISTEN 0      5            0.0.0.0:25006      0.0.0.0:*    users:(("python3",pid=23544,fd=4),("python3",pid=23502,fd=4))`,
			sockets.Socket{State: sockets.Listen, Local: ends("0.0.0.0:25006"), Processes: two(4), UID: -1}},
		{"ss -ltnpe, both families", `LISTEN     0      5                       *:25020                  *:*     users:(("python3",pid=23544,fd=5),("python3",pid=23502,fd=5)) ino:3549196 sk:ae29 cgroup:/ v6only:0 <->    `,
			sockets.Socket{State: sockets.Listen, Local: ends("[::]:25020"), Processes: two(5), Inode: 3549196}},
		{"ss -ltnp, IPv6", "LISTEN 0      5              [::1]:25021         [::]:*", sockets.Socket{State: sockets.Listen, Local: ends("[::1]:25021"), UID: -1}},
		{"ss -tunap", "tcp   TIME-WAIT  0      0               192.0.2.2:59174       203.0.113.80:80     ",
			sockets.Socket{State: sockets.TimeWait, Local: ends("192.0.2.2:59174"), Remote: ends("203.0.113.80:80"), UID: -1}},
		{"ss of a device", "LISTEN 0 4096 127.0.0.53%lo:53 0.0.0.0:*", sockets.Socket{State: sockets.Listen, Local: ends("127.0.0.53:53"), UID: -1}},
		{"ss of a device, IPv6", "ESTAB 0 0 [fe80::5054:ff:fe12:3456]%eth0:546 [fe80::1%eth0]:80", sockets.Socket{State: sockets.Established, Local: ends("[fe80::5054:ff:fe12:3456]:546"), Remote: ends("[fe80::1]:80"), UID: -1}},
		{"ss before 2013", `LISTEN     0      128                      :::22                      :::*      users:(("sshd",1234,4),("sshd",1235,4))`,
			sockets.Socket{State: sockets.Listen, Local: ends("[::]:22"), Processes: []sockets.Process{{Name: "sshd", PID: 1234, FD: 4}, {Name: "sshd", PID: 1235, FD: 4}}, UID: -1}},
		{"ss state established", `0      0      10.1.0.5:41234   10.96.0.10:80    users:(("curl",pid=9,fd=5))`,
			sockets.Socket{State: sockets.Established, Local: ends("10.1.0.5:41234"), Remote: ends("10.96.0.10:80"), Processes: one("curl", 9, 5), UID: -1}},
		{"ss state listening, with Netid", "tcp 0 128 10.1.0.5:80 0.0.0.0:*", sockets.Socket{State: sockets.Listen, Local: ends("10.1.0.5:80"), UID: -1}},
		{"ss, name of blanks and signs", `LISTEN 0 511 *:80 *:* users:(("nginx: (a),"b"",pid=1,fd=6)) uid:101 ino:7 sk:2`,
			sockets.Socket{State: sockets.Listen, Local: ends("[::]:80"), Processes: one("nginx: (a),?b?", 1, 6), UID: 101, Inode: 7}},
		{"ss, name like a type of lsof", `LISTEN 0 0 0.0.0.0:80 0.0.0.0:* users:(("a IPv6 b c",pid=1,fd=2))`,
			sockets.Socket{State: sockets.Listen, Local: ends("0.0.0.0:80"), Processes: one("a IPv6 b c", 1, 2), UID: -1}},
		{"ss -Z", `LISTEN 0 511 *:80 *:* users:(("nginx",pid=1,proc_ctx=system_u:system_r:nginx_t:s0,fd=6,sock_ctx=system_u:object_r:nginx_t:s0))`,
			sockets.Socket{State: sockets.Listen, Local: ends("[::]:80"), Processes: one("nginx", 1, 6), UID: -1}},
		{"lsof", "python3 23502 root    7u  IPv4 3549198      0t0  TCP 127.0.0.1:56830->127.0.0.1:25001 (ESTABLISHED)",
			sockets.Socket{State: sockets.Established, Local: ends("127.0.0.1:56830"), Remote: ends("127.0.0.1:25001"), Processes: one("python3", 23502, 7), Inode: 3549198}},
		{"lsof, of the proxy", "envoy 17 1337 7u IPv4 34086 0t0 TCP 127.0.0.6:40791->10.200.1.2:8080 (ESTABLISHED)",
			sockets.Socket{State: sockets.Established, Local: ends("127.0.0.6:40791"), Remote: ends("10.200.1.2:8080"), Processes: one("envoy", 17, 7), UID: 1337, Inode: 34086}},
		{"lsof, listener", "python3 23502 root    4u  IPv4 3549195      0t0  TCP *:25006 (LISTEN)",
			sockets.Socket{State: sockets.Listen, Local: ends("0.0.0.0:25006"), Processes: one("python3", 23502, 4), Inode: 3549195}},
		{"lsof, listener of IPv6", "python3 23502 app    5u  IPv6 3549196      0t0  TCP *:25020 (LISTEN)",
			sockets.Socket{State: sockets.Listen, Local: ends("[::]:25020"), Processes: one("python3", 23502, 5), UID: -1, Inode: 3549196}},
		{"lsof, escaped", `nginx:\x20m 1 root 6u IPv6 3549203 0t0 TCP [::1]:25021->[::1]:47868 (CLOSE_WAIT)`,
			sockets.Socket{State: sockets.CloseWait, Local: ends("[::1]:25021"), Remote: ends("[::1]:47868"), Processes: one("nginx: m", 1, 6), Inode: 3549203}},
		{"lsof, name like a state of ss", "LISTEN 17 1337 7u IPv4 34086 0t0 TCP 127.0.0.6:40791 (LISTEN)",
			sockets.Socket{State: sockets.Listen, Local: ends("127.0.0.6:40791"), Processes: one("LISTEN", 17, 7), UID: 1337, Inode: 34086}},
		{"lsof -K, task named with a colon", "envoy 17 25 wrk:worker_0 1337 45u IPv4 99 0t0 TCP *:15001 (LISTEN)",
			sockets.Socket{State: sockets.Listen, Local: ends("0.0.0.0:15001"), Processes: one("envoy", 17, 45), UID: 1337, Inode: 99}},
		{"lsof -K", "java 12 34 http-nio 1000 45u IPv6 99 0t0 TCP *:8080 (LISTEN)",
			sockets.Socket{State: sockets.Listen, Local: ends("[::]:8080"), Processes: one("java", 12, 45), UID: 1000, Inode: 99}},
		{"netstat -tnp", "tcp        1      0 127.0.0.1:25006         127.0.0.1:45066         CLOSE_WAIT  23502/python3       ",
			sockets.Socket{State: sockets.CloseWait, Local: ends("127.0.0.1:25006"), Remote: ends("127.0.0.1:45066"), Processes: one("python3", 23502, -1), UID: -1}},
		{"netstat -tlnp", "tcp6       0      0 :::25020                :::*                    LISTEN      23502/python3       ",
			sockets.Socket{State: sockets.Listen, Local: ends("[::]:25020"), Processes: one("python3", 23502, -1), UID: -1}},
		{"netstat, nobody's", "tcp        0      0 192.0.2.2:59174         203.0.113.80:80         TIME_WAIT   -                   ",
			sockets.Socket{State: sockets.TimeWait, Local: ends("192.0.2.2:59174"), Remote: ends("203.0.113.80:80"), UID: -1}},
		{"netstat -tanpe", "tcp6       0      0 ::1:25021               ::1:47868               ESTABLISHED 0          3549203    23502/python3       ",
			sockets.Socket{State: sockets.Established, Local: ends("[::1]:25021"), Remote: ends("[::1]:47868"), Processes: one("python3", 23502, -1), Inode: 3549203}},
		{"netstat -tanpe, nobody's", "tcp        0      0 127.0.0.1:45066         127.0.0.1:25006         FIN_WAIT2   0          0          -                   ",
			sockets.Socket{State: sockets.FinWait2, Local: ends("127.0.0.1:45066"), Remote: ends("127.0.0.1:25006"), UID: -1}},
		{"netstat -tn", "tcp        0      0 127.0.0.1:45066         127.0.0.1:25006         SYN_RECV",
			sockets.Socket{State: sockets.SynReceived, Local: ends("127.0.0.1:45066"), Remote: ends("127.0.0.1:25006"), UID: -1}},
		{"netstat -tnpo", "tcp        0      0 10.1.0.5:80             0.0.0.0:*               LISTEN      1/nginx: master pro  off (0.00/0/0)",
			sockets.Socket{State: sockets.Listen, Local: ends("10.1.0.5:80"), Processes: one("nginx: master pro", 1, -1), UID: -1}},
		{"busybox netstat", "tcp        0      0 ::ffff:10.244.1.5:8080  ::ffff:10.244.2.7:51122 ESTABLISHED 1/app",
			sockets.Socket{State: sockets.Established, Local: ends("10.244.1.5:8080"), Remote: ends("10.244.2.7:51122"), Processes: one("app", 1, -1), UID: -1}},
		{"/proc/net/tcp", "   4: 0100007F:DDFE 0100007F:61A9 01 00000000:00000000 00:00000000 00000000     0        0 3549198 1 0000000015a04fd7 20 0 0 10 -1                   ",
			sockets.Socket{State: sockets.Established, Local: ends("127.0.0.1:56830"), Remote: ends("127.0.0.1:25001"), Inode: 3549198}},
		{"/proc/net/tcp, of the proxy", "   0: 0100007F:3A99 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1337        0 34086 1 0000000020b42e53 100 0 0 10 0",
			sockets.Socket{State: sockets.Listen, Local: ends("127.0.0.1:15001"), UID: 1337, Inode: 34086}},
		{"/proc/net/tcp, nobody's", "   5: 0100007F:B00A 0100007F:61AE 05 00000000:00000000 03:00001704 00000000     0        0 0 3 000000002b20f0d0",
			sockets.Socket{State: sockets.FinWait2, Local: ends("127.0.0.1:45066"), Remote: ends("127.0.0.1:25006"), UID: -1}},
		{"/proc/net/tcp6", "   1: 00000000000000000000000001000000:61BD 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3549197 1 00000000ed3061ee 100 0 0 10 0",
			sockets.Socket{State: sockets.Listen, Local: ends("[::1]:25021"), Inode: 3549197}},
		{"/proc/net/tcp6, mapped", "   4: 0000000000000000FFFF00000100007F:61BC 0000000000000000FFFF00000100007F:BBC0 01 00000000:00000000 00:00000000 00000000     0        0 3549201 1 00000000359b1257 20 0 0 10 -1",
			sockets.Socket{State: sockets.Established, Local: ends("127.0.0.1:25020"), Remote: ends("127.0.0.1:48064"), Inode: 3549201}},
		{"/proc/net/tcp6, four words", "   1: B80D01200000000067452301EFCDAB89:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  2102        0 1 1 00000000ed3061ee 100 0 0 10 0",
			sockets.Socket{State: sockets.Listen, Local: ends("[2001:db8:0:0:123:4567:89ab:cdef]:80"), UID: 2102, Inode: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, r := read(t, tc.in)
			if n, first := r.Malformed(); n > 0 {
				t.Fatalf("malformed: %v", first)
			}
			if diff := cmp.Diff([]sockets.Socket{tc.want}, got, comparable, noLine); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// read reads text to its end.
func read(t *testing.T, text string) ([]sockets.Socket, *sockets.Reader) {
	t.Helper()
	r := sockets.NewReader(strings.NewReader(text))
	var list []sockets.Socket
	for {
		s, err := r.Next()
		if err == io.EOF {
			return list, r
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
}

// mixed is output of several tools in one file, with what they print beside
// sockets.
const mixed = `# kubectl exec web -c istio-proxy -- ss -tnpei
State      Recv-Q Send-Q      Local Address:Port        Peer Address:Port Process
ESTAB      0      0               127.0.0.1:48064          127.0.0.1:25020 users:(("python3",pid=23544,fd=9)) ino:3549200 sk:ae1e cgroup:/ <->
	 ts sack bbr wscale:10,10 rto:200 rtt:0.004/0.002 mss:32741
Netid State      Recv-Q Send-Q      Local Address:Port        Peer Address:Port Process
udp   UNCONN     0      0               127.0.0.1:25053            0.0.0.0:*     users:(("python3",pid=23544,fd=14))

(Not all processes could be identified, non-owned process info
 will not be shown, you would have to be root to see it all.)
Active Internet connections (servers and established)
Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name
udp        0      0 127.0.0.1:25053         0.0.0.0:*                           23502/python3
tcp        0      0 0.0.0.0:25006           0.0.0.0:*               LISTEN      23502/python3
Active UNIX domain sockets (w/o servers)
Proto RefCnt Flags       Type       State         I-Node   PID/Program name     Path
unix  2      [ ]         DGRAM                    12       1/init               /run/x
COMMAND   PID USER   FD   TYPE  DEVICE SIZE/OFF NODE NAME
python3 23502 root  cwd    DIR    8,1     4096    2 /
java    23502 59 vsock-con root  cwd   unknown                           /proc/1/task/59/cwd (readlink: Permission denied)
java    23502 app  NOFD                              /proc/23502/fd (opendir: Permission denied)
python3 23502 root   14u  IPv4 3549206      0t0  UDP 127.0.0.1:25053
python3 23502 root    4u  IPv4 3549195      0t0  TCP *:25006 (LISTEN)
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   1: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1077 1 0000000075a361f5 100 0 0 10 0`

func TestMixed(t *testing.T) {
	list, r := read(t, mixed)
	var got []int
	for _, s := range list {
		got = append(got, s.Line)
	}
	if diff := cmp.Diff([]int{3, 13, 22, 24}, got); diff != "" {
		t.Errorf("lines, -want +got:\n%s", diff)
	}
	if n, first := r.Malformed(); n != 0 || r.Lines() != 24 {
		t.Errorf("%d lines, %d malformed: %v", r.Lines(), n, first)
	}
}

func TestMalformed(t *testing.T) {
	const good = "LISTEN 0 5 127.0.0.1:80 0.0.0.0:*\n"
	for _, tc := range []struct{ name, in, why string }{
		{"prose", "bash: ss: command not found", "no line of ss, lsof, netstat or /proc/net/tcp"},
		{"port by name", "LISTEN 0 5 0.0.0.0:http 0.0.0.0:*", `the port of "0.0.0.0:http" is not a number`},
		{"port too large", "LISTEN 0 5 0.0.0.0:65536 0.0.0.0:*", `the port of "0.0.0.0:65536" is not a number`},
		{"host by name", "ESTAB 0 5 web:80 10.0.0.1:80", `"web:80" has no IP address`},
		{"no port", "ESTAB 0 5 10.0.0.1:1 10.0.0.1", `"10.0.0.1" has no port`},
		{"address cut by netstat", "tcp6 0 0 2001:db8:85a3:8d3:1319:8080 :::* LISTEN -", `"2001:db8:85a3:8d3:1319:8080" has no IP address`},
		{"ss cut", "ESTAB 0 0 10.0.0.1:80", "ss: columns are missing"},
		{"ss cut sooner", "ESTAB 0", "ss: columns are missing"},
		{"users cut", `ESTAB 0 0 10.0.0.1:80 10.0.0.2:80 users:(("envoy",pid=17,fd`, "ss: users:( is not closed"},
		{"users without pid", `ESTAB 0 0 10.0.0.1:80 10.0.0.2:80 users:(("envoy",fd=17))`, "ss: users:( is not closed"},
		{"netstat cut", "tcp 0 x 10.0.0.1:80 10.0.0.2:80 LISTEN", "netstat: columns are missing"},
		{"lsof without name", "envoy 17 1337 7u IPv4 34086 0t0 TCP", "lsof: columns are missing"},
		{"lsof without state", "envoy 17 1337 7u IPv4 34086 0t0 TCP *:80 (?)", "lsof: no state"},
		{"lsof without pid", "envoy x 1337 7u IPv4 34086 0t0 TCP *:80 (LISTEN)", "lsof: no process id"},
		{"proc cut", "0: 0100007F:3A99 00000000:0000 0A", "/proc/net/tcp: columns are missing"},
		{"proc, state unknown", "0: 0100007F:3A99 00000000:0000 0D 0:0 0:0 0 0 0 1", "/proc/net/tcp: columns are missing"},
		{"proc, address cut", "0: 00007F:3A99 00000000:0000 0A 0:0 0:0 0 0 0 1", `"00007F:3A99" is no hexadecimal address and port`},
		{"proc, no hexadecimal", "0: 0100007G:3A99 00000000:0000 0A 0:0 0:0 0 0 0 1", `"0100007G:3A99" is no hexadecimal address and port`},
		{"proc, no inode", "0: 0100007F:3A99 00000000:0000 0A 0:0 0:0 0 0 0 x", "/proc/net/tcp: no uid and inode"},
		{"too long", "LISTEN 0 5 127.0.0.1:80 0.0.0.0:* " + strings.Repeat("x", 64<<10), "longer than 65536 bytes"},
		{"too long, a line at its end", strings.Repeat(" ", 64<<10) + "LISTEN 0 5 127.0.0.1:80 0.0.0.0:*", "longer than 65536 bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, in := range []string{good + tc.in + "\n" + good, good + good + tc.in} {
				list, r := read(t, in)
				n, first := r.Malformed()
				text := strings.TrimSpace(tc.in[:min(len(tc.in), 200)])
				want := []sockets.Malformed{{Line: 1 + strings.Index(in, tc.in)/len(good), Text: text, Why: tc.why}}
				if diff := cmp.Diff(want, first); diff != "" || n != 1 || len(list) != 2 || r.Lines() != 3 {
					t.Errorf("%d malformed, %d sockets in %d lines, -want +got:\n%s", n, len(list), r.Lines(), diff)
				}
			}
		})
	}
}

func TestFirstThreeMalformed(t *testing.T) {
	_, r := read(t, strings.Repeat("x\n\n", 5))
	n, first := r.Malformed()
	if n != 5 || len(first) != 3 || first[2].Line != 5 {
		t.Errorf("%d malformed, first %v", n, first)
	}
}

func TestReadError(t *testing.T) {
	broken := errors.New("broken")
	r := sockets.NewReader(io.MultiReader(strings.NewReader("LISTEN 0 5 127.0.0.1:80 0.0.0.0:*\nESTAB 0 0 1"), iotest.ErrReader(broken)))
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := r.Next(); !errors.Is(err, broken) {
			t.Errorf("error %v, want %v", err, broken)
		}
	}
}

// Every line of the shipped lists is a socket or the heading.
func TestShipped(t *testing.T) {
	files, err := filepath.Glob("../../testdata/pcaps/*-ss.txt")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d lists: %v", len(files), err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		list, r := read(t, string(text))
		if n, first := r.Malformed(); n > 0 || len(list) != r.Lines()-1 {
			t.Errorf("%s: %d sockets in %d lines, %d malformed: %v", name, len(list), r.Lines(), n, first)
		}
	}
}
