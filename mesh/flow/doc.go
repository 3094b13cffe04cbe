// Package flow is what captures show, as plain data: legs, how they are joined
// and why, and the paths and exchanges that they form.
//
// Everything in it can be built by hand, so that what prints or searches a
// result can be tested without captures. Numbers of legs and paths are their
// places in the lists of a result.
package flow
