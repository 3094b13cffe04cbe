// Package judge holds what pcapmesh says about the captures in
// testdata/pcaps against what really happened: the truth that the testbed
// wrote from the applications' own records and the proxy's log.
//
// It has tests only. They use the public packages as any program would, and of
// the testbed nothing but the structs of the truth files.
//
// More captures are held against their truths too if PCAPMESH_TRUTH names
// directories of them, as the testbed makes them with other seeds:
//
//	go run ./internal/test/bed/run -o /tmp/more/seed7 -seed 7
//	PCAPMESH_TRUTH=/tmp/more go test ./internal/test/judge -run 'TestHidden|TestKeys|TestConfidence|TestSure' -v
package judge
