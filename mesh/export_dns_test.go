package mesh

// LookupsWith returns the lookups as they are with a record of NAT.
func (r *Result) LookupsWith(original originalDst) []*Lookup {
	ls, _ := findLookups(r.x, original)
	return ls
}

// ChosenName adds the names to one address's and returns the one that is chosen.
func ChosenName(learned ...LearnedName) (LearnedName, bool) {
	var n names
	for _, l := range learned {
		n.add(l.Addr, l.Name, l.Source)
	}
	return n.of(learned[0].Addr)
}

// HostName and ServerName read names.
var (
	HostName   = hostName
	ServerName = serverName
)
