//go:build linux

package testbed

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// step is what a scripted client sends at once, and the requests whose
// responses it then reads, as "METHOD target status"; "100" stands for an
// interim response.
type step struct {
	send  string
	reads []string
}

// scripted is a client that writes its requests byte by byte as given.
func (a *apps) scripted(steps ...step) error {
	h, to := a.host("client"), a.host("b").at(appPort)
	start := time.Now()
	raw, err := h.dialTCP(a.ctx, 0, netip.AddrPort{}, to)
	if err != nil {
		return err
	}
	defer raw.Close()
	defer bounded(a.ctx, raw)()
	c := a.rec.record(h, raw, false, start)
	r := bufio.NewReader(c)
	for _, s := range steps {
		if _, err := io.WriteString(c, s.send); err != nil {
			return err
		}
		for _, want := range s.reads {
			if err := c.expect(r, want); err != nil {
				return fmt.Errorf("%.40q: %s: %w", s.send, want, err)
			}
		}
	}
	return nil
}

func (c *recordedConn) expect(r *bufio.Reader, want string) error {
	if bytes, ok := strings.CutPrefix(want, "echo "); ok {
		_, err := io.ReadFull(r, make([]byte, len(bytes)))
		return err
	}
	method, rest, _ := strings.Cut(want, " ")
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if method == "100" {
		if resp.StatusCode != http.StatusContinue {
			return fmt.Errorf("status %d", resp.StatusCode)
		}
		return nil
	}
	var target string
	var status int
	if _, err := fmt.Sscan(rest, &target, &status); err != nil {
		return err
	}
	if resp.StatusCode != status {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	c.rec.exchange(exchangeRecord{method: method, target: target, status: status})
	return nil
}

func playVariety(b *bed) error {
	b.notes.oddTurns = true
	if err := b.inboundPod(sidecar{}); err != nil {
		return err
	}
	const host = " HTTP/1.1\r\nHost: svc-b\r\n"
	fool := "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\nGET /not-a-request HTTP/1.1\r\nHost: x\r\n\r\n"
	n := b.between(200, 900)
	big := strings.Repeat("x", 5000+n)
	size := func(path string) string { return fmt.Sprintf("%s?size=%d", path, n) }
	clients := [][]step{
		{{"GET " + size("/pipe/1") + host + "\r\nGET " + size("/pipe/2") + host + "\r\nHEAD " + size("/pipe/3") + host + "\r\n",
			[]string{"GET " + size("/pipe/1") + " 200", "GET " + size("/pipe/2") + " 200", "HEAD " + size("/pipe/3") + " 200"}},
			{"GET " + size("/pipe/4") + "&chunked=1" + host + "\r\n", []string{"GET " + size("/pipe/4") + "&chunked=1 200"}}},
		{{"POST " + size("/expect") + host + "Expect: 100-continue\r\nContent-Length: 10\r\n\r\n", []string{"100"}},
			{"0123456789", []string{"POST " + size("/expect") + " 200"}},
			{"GET " + size("/after") + host + "\r\n", []string{"GET " + size("/after") + " 200"}}},
		{{"GET /empty?status=204&size=0" + host + "\r\n", []string{"GET /empty?status=204&size=0 204"}},
			{"GET /same?status=304&size=0" + host + "If-None-Match: \"1\"\r\n\r\n", []string{"GET /same?status=304&size=0 304"}},
			{"DELETE /gone?status=404" + host + "\r\n", []string{"DELETE /gone?status=404 404"}}},
		{{"POST " + size("/trailer") + host + "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n",
			[]string{"POST " + size("/trailer") + " 200"}},
			{"POST " + size("/fool") + "&fool=1" + host + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(fool), fool), []string{"POST " + size("/fool") + "&fool=1 200"}}},
		{{"GET " + size("/old") + " HTTP/1.0\r\nHost: svc-b\r\n\r\n", []string{"GET " + size("/old") + " 200"}}},
		{{"GET /long" + host + "X-Long: " + big + "\r\naccept:*/*\r\nACCEPT-encoding:  identity \r\n\r\n", []string{"GET /long 200"}},
			{"OPTIONS *" + host + "\r\n", []string{"OPTIONS * 200"}}},
		{{"GET /chat" + host + "Upgrade: echo\r\nConnection: Upgrade\r\n\r\n", []string{"GET /chat 101"}},
			{"ping one", []string{"echo ping one"}}, {fool, []string{"echo " + fool}}},
	}
	var fs []func() error
	for _, steps := range clients {
		fs = append(fs, func() error { return b.scripted(steps...) })
	}
	return parallel(fs...)
}
