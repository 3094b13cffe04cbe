// Package clock reads the times in access logs: those that Envoy writes by its
// own format strings, and RFC 3339's, which is the default of all proxies.
//
// What comes out is a [Moment], which says how exact it is, since a log may give
// seconds only, and what it is compared with are packets. A time without a date
// is read, so that the rest of its line is, and unknown. Names of months and days
// are English, as in the C locale; names of zones are passed over, and the time is
// taken for one of UTC.
package clock
