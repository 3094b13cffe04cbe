package mesh

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/offset"
	"github.com/pcapmesh/pcapmesh/mesh/cluster"
	"github.com/pcapmesh/pcapmesh/mesh/internal/clocks"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/plan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/trace"
	"github.com/pcapmesh/pcapmesh/mesh/internal/emit"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/record"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// Options change how captures are read and joined. The zero value, and nil,
// are the defaults.
type Options struct {
	Pods       []cluster.Pod
	Networks   cluster.Networks             // of the cluster: they tell what comes to a gateway from what it sends on
	Profile    *profile.Profile             // nil: recognised from the rules in Records, else from the captures
	Records    record.Files                 // what else the pods left
	KeyLogs    []string                     // names of files with TLS secrets (NSS key log format), beside what pcapng inputs hold; to decrypt, inputs are read again
	Reread     bool                         // pipes and Input.Readers are kept, so that they can be read again: for KeyLogs, and all that Result reads; compressed inputs too, which is faster
	NearServer bool                         // streams carry the bytes of the readable leg nearest the server instead of the client
	Progress   func(input int, bytes int64) // told the file bytes read so far; may be nil, may be called from several goroutines
}

// Stitch reads captures, ties the legs that belong together and returns the
// paths they form.
//
// What could be read of the inputs counts even if the rest cannot be read: then both
// results are there, and the error joins an *InputError for each input that was not
// read to its end. A capture that was cut off at its end, as a killed tcpdump leaves
// it, is no error (see InputInfo.Truncated). Without a Result nothing could be read,
// Options name something that cannot be read, or ctx was cancelled, whose error it is
// then. The caller closes the Result if there is one.
//
// Cancelling is heeded while inputs and records are read and while it is decided what
// they mean. A Read that waits for bytes is ended if it can be: that of a named pipe, of
// what Input.Open opened (by Close) and of an Input.Reader with SetReadDeadline.
func Stitch(ctx context.Context, inputs []Input, o *Options) (*Result, error) {
	if o == nil {
		o = new(Options)
	}
	r := new(Result)
	if err := r.stitch(ctx, inputs, o); err != nil {
		_ = r.Close() // says no more than err
		return nil, err
	}
	return r, r.failed()
}

// stitch fills r. With an error r is of no use.
func (r *Result) stitch(ctx context.Context, inputs []Input, o *Options) error {
	if len(inputs) == 0 {
		return errNoInputs
	}
	keys, err := index.OpenKeys(ctx, o.KeyLogs)
	if err != nil {
		return err
	}
	if r.records, err = recorded.ReadRules(ctx, &o.Records); err != nil {
		return err
	}
	r.x = &index.Index{Keys: keys, Ports: append(index.ResolverPorts(o.Profile), r.records.DNSPorts()...), Stop: func() bool { return ctx.Err() != nil }}
	if err := r.open(ctx, inputs, o); err != nil {
		return err
	}
	if err := r.index(ctx); err != nil {
		return err
	}
	if err := r.records.Read(ctx, &o.Records, r.x); err != nil {
		return err
	}
	r.conns = conn.Bind(r.x, r.records.NAT)
	if err := r.again(ctx); err != nil {
		return err
	}
	return r.decide(ctx, o)
}

// again reads again what was misread or can be decrypted. What can be read only once
// stays as it was read.
func (r *Result) again(ctx context.Context) error {
	pairs := conn.Pairs(r.conns)
	err := errors.Join(index.Decrypt(ctx, r.x, r.groups, pairs), index.Reread(ctx, r.x, r.groups, pairs))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, capture.ErrReadOnce):
		return nil
	}
	return err
}

var errNoInputs = errors.New("no inputs")

// ErrNoKeys is the error of a key log that is not empty and in which no line is
// a secret.
var ErrNoKeys = index.ErrNoKeys

// decide finds out what it means, and prepares to write it.
func (r *Result) decide(ctx context.Context, o *Options) error {
	found := decide.Run(&decide.Input{Index: r.x, Records: r.records, Conns: r.conns, Known: &cluster.Known{Pods: o.Pods, Networks: o.Networks}, Profile: o.Profile})
	if found == nil {
		return ctx.Err()
	}
	r.Legs, r.Joins, r.Profile = graph.Plain(found.Legs), found.Joins, found.Profile
	r.Records, r.Conflicts, r.Names = found.Records, found.Conflicts, found.Names
	for _, l := range found.Lookups {
		r.Lookups = append(r.Lookups, l.Lookup)
	}
	r.source = &emit.Source{Inputs: r.inputs, Groups: r.groups, GroupOf: r.where, Index: r.x, Lookups: r.Lookups, LookupOf: found.LookupOf,
		Comments: r.sectionComments(), Planner: &plan.Planner{Index: r.x, Legs: found.Legs, NearServer: o.NearServer, Overtaken: r.overtaken}}
	for i := range r.Inputs {
		in := &r.Inputs[i]
		r.source.Files = append(r.source.Files, in.Name)
		r.source.Unread = append(r.source.Unread, in.Err != nil && in.Packets == 0)
	}
	r.source.Planner.Files = r.source.Files
	r.source.Conversations = r.source.Planner.Plan(found.Paths)
	if err := ctx.Err(); err != nil {
		return err
	}
	r.source.Names = r.nameRecords()
	r.Paths = trace.Plain(found.Paths)
	return ctx.Err()
}

// overtaken tells whether a packet is stamped earlier than one before it in its
// capture, and the latest time of those.
func (r *Result) overtaken(p capture.Ref) (capture.Time, bool) {
	return r.inputs[p.Input].Overtaken(p.Packet)
}

// index runs pass 1 over all pods' inputs.
func (r *Result) index(ctx context.Context) error {
	r.where = make([]int, len(r.inputs))
	var names []string
	for i, in := range r.Inputs {
		if r.inputs[i] == nil || in.Err != nil {
			continue
		}
		g := slices.Index(names, in.Pod)
		if g < 0 {
			g = len(names)
			names, r.groups = append(names, in.Pod), append(r.groups, nil)
		}
		r.where[i] = g
		r.groups[g] = append(r.groups[g], r.inputs[i])
	}
	groups := make([]*index.Group, len(names))
	facts := make([]*reassembly.Facts, len(names))
	errs := make([]error, len(names))
	var wg sync.WaitGroup
	for g := range names {
		wg.Go(func() {
			groups[g], facts[g], errs[g] = index.Read(ctx, r.groups[g], names[g], r.x.Ports, len(names) > 1)
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	read := 0
	for g := range names {
		r.x.Add(groups[g])
		if errs[g] == nil {
			read++
		}
		r.NotDNS += facts[g].Datagrams.Malformed + groups[g].DNS.Malformed
		for k, in := range r.groups[g] {
			r.Inputs[in.Number()].take(&facts[g].Inputs[k])
			r.Inputs[in.Number()].QUIC = groups[g].QUIC[in.Number()]
			r.x.AddSecrets(facts[g].Inputs[k].Secrets)
		}
	}
	if read == 0 {
		return r.failed()
	}
	r.findPoints()
	r.align(names)
	return ctx.Err()
}

// align puts the times of all inputs of a pod on one clock, and then those of all pods.
func (r *Result) align(names []string) {
	file := func(input uint32) string { return r.Inputs[input].Name }
	own := make(map[uint32]offset.Chain) // by input; no correction of those that need none
	for _, o := range clocks.Within(r.x, names, file) {
		for _, in := range o.Inputs {
			own[in] = o.Correction
			r.Inputs[in].OwnClock = newOwnClock(&o, file(o.Against))
		}
	}
	for g, c := range clocks.Align(r.x, names) {
		for _, in := range r.groups[g] {
			if first := own[in.Number()]; len(first) > 0 || !c.Right() {
				in.SetClock(func(t capture.Time) capture.Time { return capture.Time(c.Correct(first.Correct(int64(t)))) })
			}
			r.Inputs[in.Number()].Clock = newClock(&c, names)
		}
	}
}
