package reassembly

// Steps returns how many list elements the assembler has stepped over.
func (a *Assembler) Steps() uint64 { return a.steps }

// Held returns the chunks that have been in use at the same time, and the pages
// in use.
func (a *Assembler) Held() (chunks, pages int) {
	return max(int(a.held.n), 1) - 1, max(int(a.arena.pages.n), 1) - 1
}

// Live returns the half states that have been in use at the same time.
func (a *Assembler) Live() int { return max(int(a.lives.n), 1) - 1 }
