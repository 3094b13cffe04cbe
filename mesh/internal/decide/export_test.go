package decide

// JoinLegs is what BenchmarkTurnAlgebra measures.
var JoinLegs = linkLegs
