package flow

// TLS is what a connection tells about its encryption without being decrypted.
type TLS struct {
	Version    string   // the version chosen, or while only the client was heard the highest offered: "1.2", "1.3"; "" when unknown
	SNI        string   // server name the client asked for
	ALPN       []string // protocols the client offered, in its order
	Resumed    bool     // an earlier session is resumed: no certificates are shown
	EarlyData  bool     // the client announced 0-RTT data
	Mutual     bool     // the client proves who it is; false says that it does not iff Reason is not ""
	Reason     string   // how that is known, such as "client certificate"; "" when nothing tells
	Identities []string // SPIFFE IDs that certificates showed, the client's first; TLS 1.3 encrypts them
}
