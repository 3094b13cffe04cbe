package report

import (
	"net/netip"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh"
)

// A nameColumn adds the names of endpoints to a table. It stays away if none was
// learned.
type nameColumn struct {
	at    int // of the column
	names map[netip.Addr]string
}

// newNameColumn returns a column at the given place, which stays away unless o
// wants names.
func newNameColumn(r *mesh.Result, at int, o *TableOptions) *nameColumn {
	c := &nameColumn{at: at}
	if o == nil || !o.Names || len(r.Names) == 0 {
		return c
	}
	c.names = make(map[netip.Addr]string)
	for _, n := range r.Names {
		c.names[n.Addr] = n.Name
	}
	return c
}

// header adds the title of the column to a header.
func (c *nameColumn) header(header []string) []string {
	if c.names == nil {
		return header
	}
	return slices.Insert(slices.Clone(header), c.at, "NAME")
}

// row adds what a is called to a row.
func (c *nameColumn) row(row []string, a netip.AddrPort) []string {
	if c.names == nil {
		return row
	}
	name := c.names[a.Addr()]
	if name == "" {
		name = "-"
	}
	return slices.Insert(row, c.at, name)
}
