// Package report prints results of package mesh: tables for people, JSON
// (version 1, a set of structs of its own here) and CSV for programs, and the
// bytes of a stream. It takes values and an io.Writer and knows no files.
package report
