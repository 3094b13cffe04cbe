package sim

import (
	"fmt"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
)

// A Muxed is a connection that speaks HTTP/2.
type Muxed struct {
	*pcap.Connection
	Client, Server *pcap.H2
}

// Mux opens an HTTP/2 connection.
func Mux(c *pcap.Connection) *Muxed {
	m := &Muxed{c, pcap.NewH2(), pcap.NewH2()}
	c.Handshake()
	c.Send(m.Client.Preface())
	c.Reply(m.Server.Settings() + m.Server.SettingsAck())
	c.Send(m.Client.SettingsAck())
	return m
}

// Ask sends a request of one packet.
func (m *Muxed) Ask(stream uint32, method, target, body string, fields ...string) {
	head := append([]string{":method", method, ":scheme", "http", ":path", target, ":authority", "app"}, fields...)
	frames := m.Client.Headers(stream, body == "", head...)
	if body != "" {
		frames += m.Client.Data(stream, true, body)
	}
	m.Send(frames)
}

// Answer sends a response of one packet.
func (m *Muxed) Answer(stream uint32, status int, body string, fields ...string) {
	m.Reply(m.Server.Headers(stream, body == "", append([]string{":status", fmt.Sprint(status)}, fields...)...) + m.Part(stream, true, body))
}

// Part makes DATA of the server, none if body is empty.
func (m *Muxed) Part(stream uint32, end bool, body string) string {
	if body == "" {
		return ""
	}
	return m.Server.Data(stream, end, body)
}
