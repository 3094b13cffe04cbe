package report

// Plain is what Table uses above 1,000 rows.
var Plain = plain
