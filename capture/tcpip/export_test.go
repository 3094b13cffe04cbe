package tcpip

// TCPChecksum is for the tests that compute it another way.
var TCPChecksum = tcpChecksum
