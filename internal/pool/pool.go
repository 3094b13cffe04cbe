package pool

import "math"

// Unknown stands for a time that is not known; times are nanoseconds of one clock.
const Unknown = math.MinInt64

// A World is what came to a proxy and what it asked upstream.
type World struct {
	Requests []Request
	Conns    []Conn
	Takings  []Taking // of one Conn in any order
	Strands  []Strand
	Holes    []Hole
	Stop     func() bool // asked while replaying: nobody wants the answer any more; may be nil
}

// A Request is what a client asked.
type Request struct {
	Client int32 // its connection
	At     int64 // when its head had come in
	Over   int64 // when its answer was over; math.MaxInt64 if that was not seen
	Placed bool  // At says when its turn was: it is neither the first of its connection, which waits for much else, nor in pieces
	Apart  bool  // it may have been served more than once, or not at all: nobody counts with it
}

// A Conn is an upstream connection.
type Conn struct {
	Pool  int32 // only those of one pool stand for each other
	Ready int64 // when the proxy could use it; Unknown if it began before the capture
	Gone  int64 // when somebody began to close it; math.MaxInt64 if nobody did
}

// A Taking is what the proxy asked over a connection.
type Taking struct {
	Conn  int32
	From  int64 // when it began
	Idle  int64 // when both it and its answer were over: then the connection is idle; math.MaxInt64 if that was not seen
	Apart bool  // it was a copy, or tried again at a time of the proxy's own: nobody counts with it
}

// A Strand says that a taking may be of a request.
type Strand struct {
	Request, Taking int32
	Certain         bool // that is known otherwise
}

// A Hole is a span of time in which something may have been missed.
type Hole struct{ From, To int64 }

// A Rule is why a strand is struck.
type Rule uint8

// Rules.
const (
	Part      Rule    = iota // the two are of different workers
	LastIdle                 // another connection became idle later
	NoneIdle                 // another connection was idle
	rules                    // how many there are
	byNothing = rules        // of a strand that is not struck
)

// A Verdict is what the replay says.
type Verdict struct {
	Unlikely []float64 // by strand that breaks a rule: how likely it is all the same; 0 of others
	Decided  []bool    // by strand: it is all that is left, and not certain otherwise
	Sure     []float64 // by strand that is decided: how likely that is right
	Right    int       // how often the rules were seen to hold
	Wrong    int       // and to be broken
	Because  []Reason  // by strand that is decided
	Silent   bool      // nothing is decided or struck: the proxy does not work so, or too little is known of it
}

// A Reason is what left a strand alone.
type Reason struct {
	Rule       Rule  // that another strand of its request would have broken, the last that was struck; Part if none
	Idle       int   // how many connections of its part were idle, with its own
	Own, Other int32 // the takings before it on its own connection, and on the one that was struck last; -1 if there was none
}

// slack is how much two times have to differ, in nanoseconds, so that the one that is
// captured first was first. Between a packet and the proxy's seeing it a little time goes by.
const (
	slack     = 20_000
	idleSlack = 10_000
)
