// Package logged places lines of the proxy's access log on exchanges, and doubts them.
//
// A line names the ends of both legs of an exchange. Lines of one connection are written
// in the order of its exchanges, so the two lists are aligned: as many pairs as fit by
// contents and roughly by time, and of those the nearest in time. A pair is sure if no
// other alignment is as large, or nearly as near. How far most lines are from the nearest
// exchange bounds how far any may be: a log that lacks its first lines beside a capture
// that lacks its last packets pairs nothing by accident. Where lines stand in another
// order than their times, order counts only if times prove exact all over the log.
//
// Where it is not known which of several lines is of which of as many exchanges, but all
// of these name one leg on the other side, that leg is certain (alike.go).
//
// What a line names beside a leg that was not captured has no counterpart (half.go).
//
// Exchanges that only turns tell apart are placed if there are as many as lines; else the
// line ties the leg, and turn algebra says which exchange. A line that names the client's
// address only limits the candidates. Lines against which the packets have a time, an id
// or a body are left out and reported, and a log of which more than a quarter is so, whole
// (doubt.go).
package logged
