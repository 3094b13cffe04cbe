package recorded

import (
	"context"

	"github.com/pcapmesh/pcapmesh/internal/arena"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// Records is all records that were read, as far as they touch the captures,
// and what became of them.
type Records struct {
	Files     []record.Info
	NAT       *Entries // of TCP
	Datagrams *Entries // of UDP
	memory    arena.Slab[Line]
	Lines     []*Line // of access logs, in the order of files, and then of their lines
	Sockets   []*Sockets
	Rules     []*Rules
}

// ReadRules reads the records that say where to look: firewall rules. It ends when ctx
// is cancelled.
func ReadRules(ctx context.Context, given *record.Files) (*Records, error) {
	if err := checkFiles(given); err != nil {
		return nil, err
	}
	rd := &reader{ctx: ctx, given: given, records: new(Records)}
	if err := rd.rules(); err != nil {
		return nil, err
	}
	return rd.records, nil
}

// Read reads the other records. Of conntrack tables and access logs, which
// can be large, only what touches the captures is kept. It ends when ctx is cancelled.
func (rs *Records) Read(ctx context.Context, given *record.Files, x *index.Index) error {
	rd := &reader{ctx: ctx, given: given, records: rs, touched: newTouched(x, rs.Rules), corrected: x.Corrected}
	for _, read := range [...]func() error{rd.conntrack, rd.accessLogs, rd.sockets} {
		if err := read(); err != nil {
			return err
		}
	}
	return nil
}
