//go:build linux

package scene

import (
	"fmt"
	"strings"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/stage"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

func playVariety(b *stage.Bed) error {
	b.Notes.OddTurns = true
	if err := b.InboundPod(mesh.Sidecar{}); err != nil {
		return err
	}
	const host = " HTTP/1.1\r\nHost: svc-b\r\n"
	fool := "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\nGET /not-a-request HTTP/1.1\r\nHost: x\r\n\r\n"
	n := b.Between(200, 900)
	big := strings.Repeat("x", 5000+n)
	size := func(path string) string { return fmt.Sprintf("%s?size=%d", path, n) }
	clients := [][]app.Step{
		{app.Say("GET "+size("/pipe/1")+host+"\r\nGET "+size("/pipe/2")+host+"\r\nHEAD "+size("/pipe/3")+host+"\r\n",
			"GET "+size("/pipe/1")+" 200", "GET "+size("/pipe/2")+" 200", "HEAD "+size("/pipe/3")+" 200"),
			app.Say("GET "+size("/pipe/4")+"&chunked=1"+host+"\r\n", "GET "+size("/pipe/4")+"&chunked=1 200")},
		{app.Say("POST "+size("/expect")+host+"Expect: 100-continue\r\nContent-Length: 10\r\n\r\n", "100"),
			app.Say("0123456789", "POST "+size("/expect")+" 200"),
			app.Say("GET "+size("/after")+host+"\r\n", "GET "+size("/after")+" 200")},
		{app.Say("GET /empty?status=204&size=0"+host+"\r\n", "GET /empty?status=204&size=0 204"),
			app.Say("GET /same?status=304&size=0"+host+"If-None-Match: \"1\"\r\n\r\n", "GET /same?status=304&size=0 304"),
			app.Say("DELETE /gone?status=404"+host+"\r\n", "DELETE /gone?status=404 404")},
		{app.Say("POST "+size("/trailer")+host+"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n",
			"POST "+size("/trailer")+" 200"),
			app.Say("POST "+size("/fool")+"&fool=1"+host+fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(fool), fool), "POST "+size("/fool")+"&fool=1 200")},
		{app.Say("GET "+size("/old")+" HTTP/1.0\r\nHost: svc-b\r\n\r\n", "GET "+size("/old")+" 200")},
		{app.Say("GET /long"+host+"X-Long: "+big+"\r\naccept:*/*\r\nACCEPT-encoding:  identity \r\n\r\n", "GET /long 200"),
			app.Say("OPTIONS *"+host+"\r\n", "OPTIONS * 200")},
		{app.Say("GET /chat"+host+"Upgrade: echo\r\nConnection: Upgrade\r\n\r\n", "GET /chat 101"),
			app.Say("ping one", "echo ping one"), app.Say(fool, "echo "+fool)},
	}
	var fs []func() error
	for _, steps := range clients {
		fs = append(fs, func() error { return b.Scripted(b.Host("client"), b.Host("b").At(stage.AppPort), steps...) })
	}
	return world.Parallel(fs...)
}
