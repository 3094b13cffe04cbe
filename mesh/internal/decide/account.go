package decide

import "slices"

// account says what became of all records, of which it changes none.
func (in *Input) account(f *Result, t *tied) {
	x, rs := in.Index, in.Records
	f.Records = slices.Clone(rs.Files)
	for _, l := range slices.Concat(t.logs.Lines, t.logs.Again) {
		if l.Said {
			f.Records[l.File].Matched++
		}
	}
	for b, lines := range t.told {
		f.Records[b.File].Matched = len(lines)
	}
	for _, l := range f.Legs {
		for c := range l.Sightings {
			if l.Conntrack == nil {
				l.Conntrack = c.Entry.Tracked(rs.Files)
			}
		}
		l.Logged = l.Log.Logged(rs.Files)
	}
	for _, p := range f.Paths {
		for i := range p.Exchanges {
			p.Exchanges[i].Logged = p.Line(i).Logged(rs.Files)
		}
	}
	f.Conflicts = append(entryConflicts(x, rs.NAT, rs.Files, f.Legs), t.conflicts...)
	for _, i := range rs.Rules {
		f.Conflicts = append(f.Conflicts, ruleConflicts(x, i, rs.Files, f.Legs, f.Joins)...)
	}
}
