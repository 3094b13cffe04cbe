// Package offset measures how far two clocks are apart, from events that both saw.
//
// An event that passes a first clock and then a second one bounds how far they are
// apart from one side: it cannot arrive before it left. Events that run the other way
// bound it from the other side. What fits between all bounds is a set of lines, offset
// and drift, which is a convex polygon; the middle of it is the answer, and how far the
// polygon reaches is the error. There is no average in it, whose error nobody would see
// when one direction alone is slow.
//
// Where no line fits any more a clock was set: there a new line begins.
//
// Of several clocks, each is corrected along the chain of pairs whose errors add up to
// least. Where a loop of pairs does not close, one of them is false, or saw what no other
// saw: none is used, but for those that a third clock confirms.
package offset
