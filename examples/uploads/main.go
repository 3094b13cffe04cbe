// Command uploads is a web server that takes the captures of a pod, as many files of
// one form as there are, and answers with the conversations in them as JSON:
//
//	go run ./examples/uploads 127.0.0.1:8080 &
//	curl -F eth0=@testdata/pcaps/inbound-plain-eth0.pcap -F lo=@testdata/pcaps/inbound-plain-lo.pcap http://127.0.0.1:8080/
package main

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"maps"
	"mime/multipart"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/pcapmesh/pcapmesh/mesh"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: uploads ADDRESS:PORT")
	}
	s := &http.Server{Addr: os.Args[1], Handler: http.HandlerFunc(stitch), ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(s.ListenAndServe())
}

// Uploads are kept in memory up to kept bytes, then in temporary files; more than
// largest are refused.
const (
	kept    = 32 << 20
	largest = 1 << 30
)

// stitch answers with the paths in the captures of a form. When the client goes away
// it gives up.
func stitch(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodPost {
		http.Error(w, "captures are sent with POST", http.StatusMethodNotAllowed)
		return
	}
	req.Body = http.MaxBytesReader(w, req.Body, largest)
	if err := req.ParseMultipartForm(kept); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	defer req.MultipartForm.RemoveAll() // nothing is to be done if that fails
	r, err := mesh.Stitch(req.Context(), inputs(req.MultipartForm), nil)
	switch {
	case r == nil && errors.Is(err, req.Context().Err()):
		return // nobody listens
	case r == nil:
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	defer r.Close()
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(newAnswer(r, err)); err != nil {
		log.Print(err)
	}
}

// inputs returns the files of a form, ordered by the names of their fields. Each can be
// opened again, so none has to be copied.
func inputs(form *multipart.Form) []mesh.Input {
	var ins []mesh.Input
	for _, field := range slices.Sorted(maps.Keys(form.File)) {
		for _, f := range form.File[field] {
			ins = append(ins, mesh.Input{Name: f.Filename, Interface: field, Open: func() (io.ReadCloser, error) { return f.Open() }})
		}
	}
	return ins
}

// An answer is what the client gets.
type answer struct {
	Paths   []path `json:"paths"`
	Problem string `json:"problem,omitempty"` // what could not be read
}

type path struct {
	Client    string   `json:"client"`
	Server    string   `json:"server"`
	Direction string   `json:"direction"`
	Exchanges []string `json:"exchanges"`
}

func newAnswer(r *mesh.Result, problem error) answer {
	a := answer{Paths: []path{}}
	if problem != nil {
		a.Problem = problem.Error()
	}
	for _, p := range r.Paths {
		out := path{Client: p.Client.String(), Server: p.Server.String(), Direction: p.Direction.String(), Exchanges: []string{}}
		for _, e := range p.Exchanges {
			out.Exchanges = append(out.Exchanges, e.Method+" "+e.Target)
		}
		a.Paths = append(a.Paths, out)
	}
	return a
}
