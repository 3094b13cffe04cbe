//go:build linux

package real

import (
	"fmt"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/envoy"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/stage"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// alike is a request whose size and whose answer's size are those of all others, and
// that is told apart only by who can read it.
func alike(client, i, size, delay int) app.Call {
	return app.Call{Method: "GET", Target: fmt.Sprintf("/logo/%03d/%03d?size=%d&delay=%d", client, i, size, delay),
		Header: [][2]string{{"user-agent", "browser"}}}
}

// together lets n clients go on at once, when all are connected.
func together(b *stage.Bed, n int, client func(i int) app.HTTPClient) error {
	m := b.Meeting()
	return world.Parallel(func() error { return m.Hold(n, func() error { return nil }) }, func() error {
		return b.Crowd(n, func(i int) app.HTTPClient {
			c := client(i)
			c.Calls[0].Before = m.Wait
			return c
		})
	})
}

// playSaturated is clients over mTLS that ask short equal requests as fast as Envoy
// lets them, in all more than a thousand, all clients at once.
func playSaturated(b *stage.Bed) error {
	return allAtOnce(b, 2, 60, 20, func(i, k int) app.Call { return alike(i, k, 60, 1) })
}

// crowd is fewer clients that ask longer, and now and then for something else: what those
// tell of the proxy, which has some workers, can be used for the others.
func crowd(workers int) func(b *stage.Bed) error {
	return func(b *stage.Bed) error {
		return allAtOnce(b, workers, 21, 50, func(i, k int) app.Call {
			size := 60
			if b.Between(1, 8) == 1 {
				size = b.Between(100, 999)
			}
			return alike(i, k, size, b.Between(1, 4))
		})
	}
}

// allAtOnce is clients over mTLS, each with some calls, all clients at once, of a proxy
// with some workers.
func allAtOnce(b *stage.Bed, workers, clients, calls int, call func(client, i int) app.Call) error {
	b.Notes.Brief = true
	ca, err := b.Authority()
	if err != nil {
		return err
	}
	if err := b.InboundApp(); err != nil {
		return err
	}
	conf := envoy.Config{Workers: workers, Ports: []envoy.Port{{Number: stage.AppPort, Speaks: envoy.HTTP}}}
	if _, err := b.InjectEnvoy(b.Host("b"), ca, conf); err != nil {
		return err
	}
	who, err := b.Identities(ca)
	if err != nil {
		return err
	}
	if err := capture(b, b.Host("b")); err != nil {
		return err
	}
	return together(b, clients, func(i int) app.HTTPClient {
		c := istioPeer(b, who[0])
		for k := range calls {
			c.Calls = append(c.Calls, call(i, k))
		}
		return c
	})
}

// playSame is clients that ask for the same object at once, without request ids:
// nothing that the clients send separates the exchanges.
func playSame(b *stage.Bed) error {
	b.Notes.SameObject, b.Notes.Brief = true, true
	if err := plainPod(b); err != nil {
		return err
	}
	size := b.Between(100, 300)
	return together(b, 40, func(int) app.HTTPClient {
		c := app.HTTPClient{From: b.Host("client"), To: b.Host("b").At(stage.AppPort), Name: "svc-b"}
		for range 4 {
			c.Calls = append(c.Calls, app.Call{Method: "GET", Target: fmt.Sprintf("/logo?size=%d&delay=2", size)})
		}
		return c
	})
}

// playSameID is clients of which each gives all of its requests the same id, and two
// give theirs to all of the others as well.
func playSameID(b *stage.Bed) error {
	if err := plainPod(b); err != nil {
		return err
	}
	shared := b.UUID()
	return b.Crowd(10, func(i int) app.HTTPClient {
		c := app.HTTPClient{From: b.Host("client"), To: b.Host("b").At(stage.AppPort), Name: "svc-b",
			Calls: b.ScriptOf(fmt.Sprint("c", i), 6, false, 600)}
		id := shared
		if i%2 == 0 {
			id = b.UUID()
		}
		for k := range c.Calls {
			c.Calls[k].Header = append(c.Calls[k].Header, [2]string{"x-request-id", id})
		}
		return c
	})
}

// playRace has an application that closes idle connections just when they are used
// again: Envoy answers 503 (UC).
func playRace(b *stage.Bed) error {
	const idle, late = 20 * time.Millisecond, 2 * time.Millisecond
	ca, err := b.Authority()
	if err != nil {
		return err
	}
	srv := b.Host("b")
	if err := b.ServeLate(srv, srv.At(stage.AppPort), idle, late); err != nil {
		return err
	}
	if err := envoyAt(b, ca, "b", "http"); err != nil {
		return err
	}
	if err := capture(b, srv); err != nil {
		return err
	}
	b.Notes.Brief = true
	return b.Crowd(6, func(i int) app.HTTPClient {
		c := app.HTTPClient{From: b.Host("client"), To: srv.At(stage.AppPort), Name: "svc-b"}
		for k := range 20 {
			c.Calls = append(c.Calls, app.Call{Method: "GET", Target: fmt.Sprintf("/c%d/%d?size=%d", i, k, b.Between(50, 400)), Or: 503,
				Think: idle + time.Duration(b.Between(-1500, 3000))*time.Microsecond})
		}
		return c
	})
}

// raced says whether a request met a connection that was about to be closed.
func raced(t *truth.Truth) error {
	for _, l := range t.Links {
		if l.Status == 503 {
			return nil
		}
	}
	return fmt.Errorf("no request met the end of its connection")
}

// playInterim is pipelined requests, and answers that come in two: 100 and 103.
func playInterim(b *stage.Bed) error {
	b.Notes.OddTurns = true
	if err := plainPod(b); err != nil {
		return err
	}
	const host = " HTTP/1.1\r\nHost: svc-b\r\n"
	var fs []func() error
	for i := range 4 {
		at := func(path string) string { return fmt.Sprintf("/c%d%s?size=%d", i, path, b.Between(50, 500)) }
		p1, p2, p3, e1, e2, h := at("/pipe/1"), at("/pipe/2"), at("/pipe/3"), at("/expect/1"), at("/expect/2"), at("/hints")+"&hints=1"
		body := string(app.BodyFor(e1, b.Between(10, 300)))
		expect := func(path string) string {
			return fmt.Sprintf("POST %s%sExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", path, host, len(body))
		}
		steps := []app.Step{
			app.Say("GET "+p1+host+"\r\nGET "+p2+host+"\r\nHEAD "+p3+host+"\r\n", "GET "+p1+" 200", "GET "+p2+" 200", "HEAD "+p3+" 200"),
			app.Say(expect(e1), "100"), app.Say(body, "POST "+e1+" 200"),
			app.Say("GET "+h+host+"\r\n", "103", "GET "+h+" 200"),
			app.Say(expect(e2), "100"), app.Say(body+"GET "+p1+"&again=1"+host+"\r\n", "POST "+e2+" 200", "GET "+p1+"&again=1 200"),
		}
		fs = append(fs, func() error { return b.Scripted(b.Host("client"), b.Host("b").At(stage.AppPort), steps...) })
	}
	return world.Parallel(fs...)
}
