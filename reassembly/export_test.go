package reassembly

import "github.com/pcapmesh/pcapmesh/capture"

// Steps returns how many list elements the assembler has stepped over.
func (a *Assembler) Steps() uint64 { return a.steps }

// Held returns the chunks that have been in use at the same time, and the pages
// in use.
func (a *Assembler) Held() (chunks, pages int) {
	return max(int(a.held.n), 1) - 1, max(int(a.arena.pages.n), 1) - 1
}

// Live returns the half states that have been in use at the same time.
func (a *Assembler) Live() int { return max(int(a.lives.n), 1) - 1 }

// Unbound returns the places of the tables of halves that look for an answer by
// number, and of answers that look for a question.
func (a *Assembler) Unbound() (asks, tells int) { return len(a.asks.slots), len(a.tells.slots) }

// DupMark is what Set puts into the id of a duplicate.
const DupMark = dupMark

// Set stores the id of a packet.
func (t *Table) Set(ref capture.Ref, id HalfID) { t.set(ref, id) }
