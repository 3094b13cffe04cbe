package recorded

import (
	"io"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/record"
	"github.com/pcapmesh/pcapmesh/mesh/sockets"
)

// Sockets is the sockets that a file lists of a pod.
type Sockets struct {
	sockets.Table
	File int    // index into Records.Files
	Pod  string // "" = any
}

// process returns who has a socket open; nil if the file does not say.
func (b *Sockets) process(s sockets.Socket, files []record.Info) *record.Process {
	p := &record.Process{UID: s.UID, Source: record.Source{Kind: record.Sockets, File: files[b.File].Name, Line: s.Line}}
	if len(s.Processes) > 0 {
		p.Name, p.PID = s.Processes[0].Name, s.Processes[0].PID
	} else if s.UID < 0 {
		return nil
	}
	return p
}

// A Told is a line of a list of sockets.
type Told struct {
	Book *Sockets
	Line int
}

// First returns the process of the first of the sockets that is listed, and all
// that were looked at for that; ends are local and remote.
func (b *Sockets) First(files []record.Info, ends ...[2]netip.AddrPort) (p *record.Process, told []Told) {
	for _, e := range ends {
		s, ok := b.Owner(e[0], e[1])
		if !ok {
			continue
		}
		told = append(told, Told{b, s.Line})
		if p = b.process(s, files); p != nil {
			break
		}
	}
	return p, told
}

// sockets reads lists of sockets, and keeps listeners and what may be an end of a
// captured connection.
func (rd *reader) sockets() error {
	return rd.files(record.Sockets, func(in io.Reader, info *record.Info) error {
		book := &Sockets{File: rd.file(), Pod: info.Pod}
		rd.records.Sockets = append(rd.records.Sockets, book)
		return each(sockets.NewReader(in), info, func(s sockets.Socket) {
			if s.State == sockets.Listen || rd.touched.socket(s) {
				book.Add(s)
			}
		})
	})
}

// socket reports whether a socket may be an end of a captured connection. What a
// proxy accepts behind a redirect has its listener's port at its own end.
func (t *touched) socket(s sockets.Socket) bool {
	there := tcpip.Tuple{Proto: tcpip.ProtoTCP, Src: s.Local, Dst: s.Remote}
	return t.tuple(there) || t.tuple(there.Reverse()) || t.inbound[s.Local.Port()] && t.end(s.Remote)
}
