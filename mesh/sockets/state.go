package sockets

// A State is the state of a TCP connection (RFC 9293 §3.3.2). The zero State is
// none of them.
type State uint8

// The states, as RFC 9293 orders them.
const (
	Listen State = iota + 1
	SynSent
	SynReceived
	Established
	FinWait1
	FinWait2
	CloseWait
	Closing
	LastAck
	TimeWait
	Closed
)

// String returns the state's name in RFC 9293.
func (s State) String() string {
	switch s {
	case SynReceived:
		return "SYN-RECEIVED"
	case Established:
		return "ESTABLISHED"
	case Closed:
		return "CLOSED"
	case 0:
		return "unknown"
	}
	return s.ss()
}

// ss returns the state's name in ss (iproute2, misc/ss.c), where it is often
// that of RFC 9293.
func (s State) ss() string {
	switch s {
	case Listen:
		return "LISTEN"
	case SynSent:
		return "SYN-SENT"
	case SynReceived:
		return "SYN-RECV"
	case Established:
		return "ESTAB"
	case FinWait1:
		return "FIN-WAIT-1"
	case FinWait2:
		return "FIN-WAIT-2"
	case CloseWait:
		return "CLOSE-WAIT"
	case Closing:
		return "CLOSING"
	case LastAck:
		return "LAST-ACK"
	case TimeWait:
		return "TIME-WAIT"
	case Closed:
		return "UNCONN"
	}
	return "UNKNOWN"
}

// stateNamed returns the state that ss, netstat or lsof calls so; 0 if none does.
func stateNamed(b []byte) State {
	switch string(b) {
	case "LISTEN":
		return Listen
	case "ESTAB", "ESTABLISHED":
		return Established
	case "TIME-WAIT", "TIME_WAIT":
		return TimeWait
	case "SYN-SENT", "SYN_SENT":
		return SynSent
	case "SYN-RECV", "SYN_RECV", "SYN-RECEIVED":
		return SynReceived
	case "FIN-WAIT-1", "FIN_WAIT1", "FIN_WAIT_1":
		return FinWait1
	case "FIN-WAIT-2", "FIN_WAIT2", "FIN_WAIT_2":
		return FinWait2
	case "CLOSE-WAIT", "CLOSE_WAIT":
		return CloseWait
	case "CLOSING":
		return Closing
	case "LAST-ACK", "LAST_ACK":
		return LastAck
	case "UNCONN", "CLOSE", "CLOSED":
		return Closed
	}
	return 0
}

// stateNumbered returns the state with that number in the kernel
// (include/net/tcp_states.h); 0 if there is none. A socket that waits for the
// last acknowledgement of a handshake has a number of its own.
func stateNumbered(n uint64) State {
	numbers := [...]State{
		1: Established, 2: SynSent, 3: SynReceived, 4: FinWait1, 5: FinWait2, 6: TimeWait,
		7: Closed, 8: CloseWait, 9: LastAck, 10: Listen, 11: Closing, 12: SynReceived,
	}
	if n >= uint64(len(numbers)) {
		return 0
	}
	return numbers[n]
}
