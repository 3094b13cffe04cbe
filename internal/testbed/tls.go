package testbed

// backKeys adds the secrets of the upstream TLS connection to a log line, in
// the words of the NSS key log.
const backKeys = `,"keys":"%[ssl_bc_client_random,hex] %[ssl_bc_client_handshake_traffic_secret] %[ssl_bc_server_handshake_traffic_secret] %[ssl_bc_client_traffic_secret_0] %[ssl_bc_server_traffic_secret_0]"`
