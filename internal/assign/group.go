package assign

// A Group is items of both sides that edges connect.
type Group struct{ Down, Up []int32 }

// Groups lists the groups of downstream items, in the order of their first ones, by the
// edges that count. Each upstream item that is in none is left out.
func Groups(downs, ups int, edges []Edge, counts func(i int32) bool) []Group {
	root := make([]int32, downs+ups)
	for i := range root {
		root[i] = int32(i)
	}
	find := func(i int32) int32 {
		for root[i] != i {
			root[i] = root[root[i]]
			i = root[i]
		}
		return i
	}
	for i := range edges {
		if counts(int32(i)) {
			d, u := find(edges[i].D), find(int32(downs)+edges[i].U)
			root[max(d, u)] = min(d, u) // so that a root is a downstream item
		}
	}
	at := make(map[int32]int)
	var out []Group
	for d := range int32(downs) {
		k, ok := at[find(d)]
		if !ok {
			k = len(out)
			at[find(d)] = k
			out = append(out, Group{})
		}
		out[k].Down = append(out[k].Down, d)
	}
	for u := range int32(ups) {
		if k, ok := at[find(int32(downs)+u)]; ok {
			out[k].Up = append(out[k].Up, u)
		}
	}
	return out
}
