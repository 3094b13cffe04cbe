package mesh

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
	"github.com/pcapmesh/pcapmesh/mesh/cluster"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/plan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/trace"
	"github.com/pcapmesh/pcapmesh/mesh/internal/emit"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/names"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/record"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// An Input names a capture to read.
type Input struct {
	File      string // "-" is standard input
	Pod       string // inputs of one pod share capture points and loopback addresses
	Interface string // replaces the interface names in the file unless ""
}

// Options change how captures are read and joined. The zero value, and nil,
// are the defaults.
type Options struct {
	Pods       []cluster.Pod
	Networks   cluster.Networks             // of the cluster: they tell what comes to a gateway from what it sends on
	Profile    *profile.Profile             // nil: recognised from the rules in Records, else from the captures
	Records    record.Files                 // what else the pods left
	KeyLogs    []string                     // names of files with TLS secrets (NSS key log format), beside what pcapng inputs hold; inputs are read again
	Reread     bool                         // pipes and compressed inputs are kept, so that WriteCapture and Follow can read them again
	NearServer bool                         // streams carry the bytes of the readable leg nearest the server instead of the client
	Progress   func(input int, bytes int64) // told the file bytes read so far; may be nil, may be called from several goroutines
}

// An InputInfo describes an input that was read.
type InputInfo struct {
	Input
	Packets     int
	Points      []InputPoint
	First, Last capture.Time   // 0 when there is no packet
	NonTCP      int            // packets that are no TCP
	Truncated   bool           // the file ends inside a packet
	Err         error          // why reading stopped early; nil at a clean end
	Application string         // what wrote a pcapng file
	Names       []capture.Name // its name resolution records
	Comments    []string       // on its sections
	Secrets     int            // blocks of secrets in a pcapng file; TLS is decrypted with them if the input can be read again
}

// An InputPoint is an interface of an input.
type InputPoint struct {
	Name     string
	Link     linktype.Type
	Inferred bool // the name is not in the file
}

// A Result is what the inputs show: legs, how they are joined, and the paths
// they form. Its slices are in a fixed order and must not be changed.
type Result struct {
	Inputs  []InputInfo
	Legs    []*flow.Leg
	Joins   []flow.Join
	Paths   []*flow.Path
	Profile *profile.Profile // of the mesh, as given or recognised
	// Records says what became of the records that were given, and Conflicts
	// which of them contradict the packets.
	Records   []record.Info
	Conflicts []record.Conflict

	Lookups []*names.Lookup // names looked up over UDP
	Names   []names.Learned // what addresses are called, ordered by address
	NotDNS  int             // UDP datagrams at ports of DNS that hold no DNS message

	x       *index.Index
	records *recorded.Records
	conns   []*conn.Conn
	inputs  []*capture.Input
	groups  [][]*capture.Input // as in x.groups
	where   []int              // group of each input
	source  *emit.Source
}

// Stitch reads captures, ties the legs that belong together and returns the
// paths they form. What could be read of an input counts even if the rest
// cannot be read; see InputInfo.Err. The error is not nil only if an input
// cannot be opened or is no capture. The caller closes the Result.
func Stitch(inputs []Input, o *Options) (*Result, error) {
	if o == nil {
		o = new(Options)
	}
	keys, err := index.OpenKeys(o.KeyLogs)
	if err != nil {
		return nil, err
	}
	rs, err := recorded.ReadRules(&o.Records)
	if err != nil {
		return nil, err
	}
	r := &Result{x: &index.Index{Keys: keys, Ports: append(index.ResolverPorts(o.Profile), rs.DNSPorts()...)}, records: rs}
	if err := r.open(inputs, o); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	if err := r.index(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	if err := rs.Read(&o.Records, r.x); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	r.conns = conn.Bind(r.x, rs.NAT)
	pairs := conn.Pairs(r.conns)
	if err := errors.Join(index.Decrypt(r.x, r.groups, pairs), index.Reread(r.x, r.groups, pairs)); err != nil && o.Reread {
		return nil, errors.Join(err, r.Close())
	}
	r.decide(o)
	return r, nil
}

// open opens all inputs. One that cannot be opened or is no capture is noted
// and left out, as long as there is another.
func (r *Result) open(inputs []Input, o *Options) error {
	var errs []error
	for i, in := range inputs {
		r.Inputs = append(r.Inputs, InputInfo{Input: in})
		f, err := openInput(in, uint32(i), o)
		if err == nil {
			err = r.twice(f)
		}
		r.inputs = append(r.inputs, f)
		if err != nil {
			r.Inputs[i].Err = err
			errs = append(errs, err)
		}
	}
	if len(errs) == len(inputs) {
		return errors.Join(errs...)
	}
	return nil
}

// openInput opens one input and looks at its header, if that can be done
// without using up its bytes.
func openInput(in Input, number uint32, o *Options) (*capture.Input, error) {
	io := &capture.Options{Input: number, Reread: o.Reread, InterfaceName: in.Interface}
	if o.Progress != nil {
		io.Progress = func(n int64) { o.Progress(int(number), n) }
	}
	f, err := capture.OpenInput(in.File, io)
	if err != nil {
		return nil, err
	}
	if info := f.FileInfo(); info == nil || !info.Mode().IsRegular() {
		return f, nil
	}
	header, err := capture.Open(in.File, nil)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	header.Close() // nothing of it is wanted
	return f, nil
}

// ErrRepeated is the error of an input that is an earlier one again.
var ErrRepeated = errors.New("the same file")

// ErrNoKeys is the error of a key log that is not empty and in which no line is
// a secret.
var ErrNoKeys = index.ErrNoKeys

// twice refuses a file that is an input already.
func (r *Result) twice(f *capture.Input) error {
	for i, g := range r.inputs {
		if g == nil {
			continue
		}
		if a, b := f.FileInfo(), g.FileInfo(); a != nil && b != nil && os.SameFile(a, b) {
			return fmt.Errorf("%s: %w as %s; it is read once", f.Name(), ErrRepeated, r.Inputs[i].File)
		}
	}
	return nil
}

// decide finds out what it means, and prepares to write it.
func (r *Result) decide(o *Options) {
	found := decide.Run(&decide.Input{Index: r.x, Records: r.records, Conns: r.conns, Known: &cluster.Known{Pods: o.Pods, Networks: o.Networks}, Profile: o.Profile})
	r.Legs, r.Joins, r.Profile = graph.Plain(found.Legs), found.Joins, found.Profile
	r.Records, r.Conflicts, r.Names = found.Records, found.Conflicts, found.Names
	for _, l := range found.Lookups {
		r.Lookups = append(r.Lookups, l.Lookup)
	}
	r.source = &emit.Source{Inputs: r.inputs, Groups: r.groups, GroupOf: r.where, Index: r.x, Lookups: r.Lookups, LookupOf: found.LookupOf,
		Comments: r.sectionComments(), Planner: &plan.Planner{Index: r.x, Legs: found.Legs, NearServer: o.NearServer}}
	for i := range r.Inputs {
		in := &r.Inputs[i]
		r.source.Files = append(r.source.Files, in.File)
		r.source.Unread = append(r.source.Unread, in.Err != nil && in.Packets == 0)
	}
	r.source.Planner.Files = r.source.Files
	r.source.Conversations = r.source.Planner.Plan(found.Paths)
	r.source.Names = r.nameRecords()
	r.Paths = trace.Plain(found.Paths)
}

// Close closes the inputs.
func (r *Result) Close() error {
	var errs []error
	for _, in := range r.inputs {
		if in != nil {
			errs = append(errs, in.Close())
		}
	}
	r.inputs = nil
	return errors.Join(errs...)
}

// index runs pass 1 over all pods' inputs.
func (r *Result) index() error {
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
		wg.Go(func() { groups[g], facts[g], errs[g] = index.Read(r.groups[g], names[g], r.x.Ports) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil && !slices.ContainsFunc(facts, func(f *reassembly.Facts) bool { return f != nil }) {
		return err
	}
	for g := range names {
		r.x.Add(groups[g])
		if facts[g] == nil {
			r.unread(g, errs[g])
			continue
		}
		r.NotDNS += facts[g].Datagrams.Malformed + groups[g].DNS.Malformed
		for k, in := range r.groups[g] {
			r.Inputs[in.Number()].take(&facts[g].Inputs[k])
			r.x.AddSecrets(facts[g].Inputs[k].Secrets)
		}
	}
	r.findPoints()
	return nil
}

// unread notes that no input of a group could be read.
func (r *Result) unread(g int, err error) {
	for _, in := range r.groups[g] {
		r.Inputs[in.Number()].Err = err
	}
}

// take fills in what pass 1 found.
func (in *InputInfo) take(f *reassembly.InputFacts) {
	in.Packets, in.NonTCP, in.First, in.Last = f.Packets, f.NonTCP, f.First, f.Last
	in.Err, in.Application, in.Names, in.Comments, in.Secrets = f.Err, f.Application, f.Names, f.Comments, len(f.Secrets)
	in.Truncated = errors.Is(f.Err, capture.ErrTruncated)
	for _, i := range f.Interfaces {
		in.Points = append(in.Points, InputPoint{Name: i.Name, Link: i.Link})
	}
}

// findPoints names the points of inputs that do not say themselves.
func (r *Result) findPoints() {
	for i := range r.Inputs {
		in := &r.Inputs[i]
		if len(in.Points) != 1 || in.Points[0].Name != "" {
			continue
		}
		link := in.Points[0].Link
		var found []InputPoint
		for h := index.HalfNo(1); int(h) <= r.x.Len(); h++ {
			if int(r.x.Half(h).First.Input) != i {
				continue
			}
			if p := (InputPoint{r.x.Point(h).Name, link, true}); !slices.Contains(found, p) {
				found = append(found, p)
			}
		}
		for _, name := range r.x.DNSPoints(i) {
			if p := (InputPoint{name, link, true}); !slices.Contains(found, p) {
				found = append(found, p)
			}
		}
		if len(found) > 0 {
			in.Points = found
		}
	}
}
