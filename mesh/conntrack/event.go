package conntrack

// A Kind says what an Event is.
type Kind uint8

// The kinds of events.
const (
	List    Kind = iota // an entry of a list: it was there
	New                 // it was created
	Update              // it was changed
	Destroy             // it expired or was deleted
)

// String returns the kind as conntrack tags it, "" for List.
func (k Kind) String() string {
	switch k {
	case New:
		return "[NEW]"
	case Update:
		return "[UPDATE]"
	case Destroy:
		return "[DESTROY]"
	}
	return ""
}

// An Event is an entry as a line shows it. It is comparable.
type Event struct {
	Kind Kind

	// When is the time of an event, from -o timestamp or <when>: when
	// conntrack printed it, which is a little after it happened.
	When Stamp

	Userspace bool // a program caused it: conntrack -D or -F, where the connection goes on
	Line      int  // 1-based; of XML the one on which the flow begins
	Entry     Entry
}
