//go:build linux

package mesh

import (
	"bytes"
	"os"
	"strings"
	"sync"
)

// frontKeys adds the secrets of the client's TLS connection to a log line.
// HAProxy 2.6 does not know them for connections to servers.
const frontKeys = `,"keys":"%[ssl_fc_client_random,hex] %[ssl_fc_client_handshake_traffic_secret] %[ssl_fc_server_handshake_traffic_secret] %[ssl_fc_client_traffic_secret_0] %[ssl_fc_server_traffic_secret_0]"`

// masterKey is the same for TLS 1.2, where Go logs no key of a session that
// was resumed.
const masterKey = `,"keys":"%[ssl_fc_client_random,hex] %[ssl_fc_session_key,hex]"`

// keyLabels are the names of the secrets of frontKeys in the NSS key log.
var keyLabels = [...]string{"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET",
	"CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"}

// KeyLog collects the secrets that several TLS ends log at once.
type KeyLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds lines.
func (l *KeyLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// Load adds the log that another program wrote.
func (l *KeyLog) Load(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	_, err = l.Write(text)
	return err
}

// lines are the log's lines, with an empty one at the end.
func (l *KeyLog) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(l.text.String(), "\n")
}
