// Package report prints what the other packages found: tables and text for people,
// JSON (version 1) and CSV for programs, and the bytes of a stream. It is the only
// place that formats results, and the command only calls it.
//
// It takes plain values and an io.Writer. It opens no file, knows no flag but the
// --all that it names under a shortened table, and does not color. It must not
// become a place where something is decided: what is not in a result is found out
// where results are made, so that programs have it too.
//
// The structs of the JSON are private and belong to this package alone, one for
// each kind of element. They are the contract with scripts: fields may be added,
// never renamed, moved or given another meaning.
package report
