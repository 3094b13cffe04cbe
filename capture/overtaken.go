package capture

import "sort"

// An order notes the packets of one capture that are stamped earlier than one before
// them, as they are where several CPUs fed it, or its clock was set back.
type order struct {
	latest    Time
	overtaken []stretch // in file order
}

// A stretch is packets that follow each other and are stamped earlier than one before
// them all.
type stretch struct {
	from, to uint32 // packet numbers, both included
	latest   Time   // of those before
}

// add takes the next packet.
func (o *order) add(number uint32, t Time) {
	if t >= o.latest || number == 1 {
		o.latest = t
		return
	}
	if k := len(o.overtaken) - 1; k >= 0 && o.overtaken[k].to == number-1 {
		o.overtaken[k].to = number
	} else {
		o.overtaken = append(o.overtaken, stretch{number, number, o.latest})
	}
}

// Overtaken tells of a packet that is stamped earlier than one before it in the
// capture: by is the latest time of those before, as Readers now give times. Packets
// are numbered from 1. It knows those that the first Reader has read.
func (in *Input) Overtaken(packet uint32) (by Time, ok bool) {
	var all []stretch
	if in.first != nil {
		all = in.first.order.overtaken
	}
	k := sort.Search(len(all), func(i int) bool { return all[i].to >= packet })
	if ok = k < len(all) && packet >= all[k].from; !ok {
		return 0, false
	}
	if in.options.clock == nil {
		return all[k].latest, true
	}
	return in.options.clock(all[k].latest), true
}
