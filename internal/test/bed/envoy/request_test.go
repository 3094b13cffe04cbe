//go:build linux

package envoy

import (
	"fmt"
	"strings"
	"testing"
)

// request and try are lines of a log as Envoy writes it: times in microseconds.
func request(conn, upconn int, id string, start, end, begun, attempts int) string {
	return fmt.Sprintf(`{"kind":"req","conn":%d,"upconn":%d,"id":%q,"method":"GET","target":"/","start":"7.%06d","end":"7.%06d","begun":%d,"attempts":%d}`,
		conn, upconn, id, start, end, begun, attempts)
}

func try(conn, upconn int, id string, start, end, begun int) string {
	return fmt.Sprintf(`{"kind":"try","client":"10.0.0.1:1","conn":%d,"upconn":%d,"id":%q,"method":"GET","target":"/","start":"7.%06d","end":"7.%06d","begun":%d,"attempts":0}`,
		conn, upconn, id, start, end, begun)
}

// Attempts find their requests, and both are counted by when they began.
func TestExchanges(t *testing.T) {
	for _, test := range []struct {
		name  string
		lines []string
		want  string // of each request: its id, its number, and of each attempt connection and number
		err   string
	}{
		{"one after the other on shared connections", []string{
			try(0, 9, "b", 2000, 2900, 50), request(0, 9, "b", 1990, 2910, 60, 1),
			try(1, 9, "c", 500, 1900, 50), request(1, 9, "c", 490, 1910, 60, 1),
			try(0, 8, "a", 500, 700, 50), request(0, 8, "a", 490, 710, 60, 1),
		}, "b 1 9#1, c 0 9#0, a 0 8#0", ""},
		{"who began first waited for a connection", []string{
			try(1, 9, "b", 120, 400, 30), request(1, 9, "b", 110, 410, 40, 1),
			try(0, 9, "a", 100, 900, 350), request(0, 9, "a", 90, 910, 360, 1),
		}, "b 0 9#0, a 0 9#1", ""},
		{"retried", []string{
			try(0, 8, "a", 100, 200, 30), try(0, 9, "a", 230, 400, 30), request(0, 9, "a", 90, 410, 170, 2),
		}, "a 0 8#0 9#0", ""},
		{"equal ids at once on one connection of HTTP/2", []string{
			try(0, 8, "a", 100, 300, 30), try(0, 9, "a", 101, 310, 30), request(0, 8, "a", 90, 310, 40, 1), request(0, 9, "a", 91, 320, 40, 1),
		}, "a 0 8#0, a 1 9#0", ""},
		{"an earlier attempt that may be of two", []string{
			try(0, 7, "a", 100, 200, 30), try(0, 8, "a", 230, 300, 30), try(0, 9, "a", 101, 310, 30),
			request(0, 8, "a", 90, 310, 170, 2), request(0, 9, "a", 91, 320, 40, 1),
		}, "", "may be of 2 requests"},
		{"an attempt of which the line is missing", []string{try(0, 8, "a", 100, 300, 30), request(0, 8, "a", 90, 310, 40, 2)}, "", "2 attempts, 1 lines"},
		{"copied to another service, which answers late", []string{
			try(0, 8, "a", 100, 200, 30), request(0, 8, "a", 90, 210, 40, 1), strings.Replace(try(0, 9, "a", 101, 900, 30), `"client":"10.0.0.1:1",`, "", 1),
		}, "a 0 8#0 copy 9#0", ""},
		{"answered by Envoy itself", []string{`{"kind":"req","conn":0,"upconn":null,"id":"a","status":503,"start":"7.000001","end":"7.000002","attempts":0}`}, "a 0", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			lines, err := Parse([]byte(strings.Join(test.lines, "\n")))
			if err != nil {
				t.Fatal(err)
			}
			all, err := Exchanges(lines)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, want %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := shown(all); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func shown(all []Exchange) string {
	var out []string
	for _, x := range all {
		s := fmt.Sprint(x.ID, " ", x.Asked)
		for _, a := range x.Tries {
			s += fmt.Sprintf(" %d#%d", *a.UpConn, a.Served)
		}
		for _, a := range x.Copies {
			s += fmt.Sprintf(" copy %d#%d", *a.UpConn, a.Served)
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}
