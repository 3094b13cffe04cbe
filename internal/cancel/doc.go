// Package cancel opens, reads and writes until a context is cancelled. What waits then
// is woken as far as that can be done, and the error is that of the context.
package cancel
