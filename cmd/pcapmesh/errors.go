package main

import (
	"errors"

	"github.com/pcapmesh/pcapmesh/mesh"
)

// joinErrors joins errors; nil if there are none.
func joinErrors(errs []error) error { return errors.Join(errs...) }

// A hintedError is an error with a remedy.
type hintedError struct {
	error
	hint string
}

func (e *hintedError) Unwrap() error { return e.error }
func (e *hintedError) Hint() string  { return e.hint }

// outputHint adds the remedy to an error about the output file.
func outputHint(err error) error {
	switch {
	case errors.Is(err, mesh.ErrOutputExists):
		return &hintedError{err, "--force replaces it, -w FILE writes another"}
	case errors.Is(err, mesh.ErrOutputIsInput):
		return &hintedError{err, "-w FILE writes another"}
	}
	return err
}
