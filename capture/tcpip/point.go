package tcpip

// A Point is a capture point: one interface of one pod, as an index into the
// Points that assigned it. Several inputs may belong to one point (rotated
// files, a -Q in/-Q out pair), and one input may hold several (-i any).
type Point uint16

// PointInfo describes a capture point.
type PointInfo struct {
	Pod      string // as given by the user; "" when all inputs are one pod's
	Name     string // interface name, e.g. "eth0"
	Index    uint32 // interface index of LINKTYPE_LINUX_SLL2; 0 when unknown
	Cooked   bool   // seen through -i any (SLL or SLL2)
	Loopback bool   // the loopback interface
	Inferred bool   // Name was not in the file but guessed from addresses or link headers
}
