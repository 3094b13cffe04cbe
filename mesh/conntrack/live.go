package conntrack

import (
	"cmp"
	"slices"
)

// A liveSpan is the span of an entry that lives.
type liveSpan struct {
	Span
	seq uint64 // in the order of creation; 0: unused
}

// spansPerBlock is how many spans are allocated at once.
const spansPerBlock = 128

// liveSpans holds the spans of entries that live, by number. They are in blocks
// that stay where they are, since copying to make room is dear with a million.
type liveSpans struct {
	blocks []*[spansPerBlock]liveSpan
	free   []int32 // numbers unused, last first
}

func (l *liveSpans) at(i int32) *liveSpan { return &l.blocks[i/spansPerBlock][i%spansPerBlock] }

// take returns the number of an unused span, which is zero.
func (l *liveSpans) take() int32 {
	if len(l.free) == 0 {
		l.grow()
	}
	i := l.free[len(l.free)-1]
	l.free = l.free[:len(l.free)-1]
	return i
}

// grow adds a block.
func (l *liveSpans) grow() {
	first := int32(len(l.blocks) * spansPerBlock)
	l.blocks = append(l.blocks, new([spansPerBlock]liveSpan))
	for i := first + spansPerBlock - 1; i >= first; i-- {
		l.free = append(l.free, i)
	}
}

// give makes a span unused.
func (l *liveSpans) give(i int32) {
	*l.at(i) = liveSpan{}
	l.free = append(l.free, i)
}

// inOrder returns the numbers of used spans in the order of their creation.
func (l *liveSpans) inOrder() []int32 {
	var all []int32
	for i := range int32(len(l.blocks) * spansPerBlock) {
		if l.at(i).seq != 0 {
			all = append(all, i)
		}
	}
	slices.SortFunc(all, func(i, j int32) int { return cmp.Compare(l.at(i).seq, l.at(j).seq) })
	return all
}
